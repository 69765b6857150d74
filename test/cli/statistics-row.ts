/** A row of counters for the tests of tables. */
import type { QueueCounters } from '#src/control/index.ts'
import { countersWith } from '#src/control/protocol/queue-counters.ts'
import { type LinkStats64, linkStats64, linkStats64Fields } from '#src/netdev/stats.ts'

type Row = LinkStats64 & QueueCounters

/** All counters are zero but the given ones. */
export function statisticsRow(fields: Partial<Row> = {}): Row {
  const none = linkStats64(new Float64Array(linkStats64Fields.length))
  return { ...none, ...countersWith(() => 0), ...fields }
}
