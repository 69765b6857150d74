/** All conformance cases. */
import { closing } from './cases/closing.ts'
import { data } from './cases/data.ts'
import { handshake } from './cases/handshake.ts'
import { ipv6 } from './cases/ipv6.ts'
import { listening } from './cases/listening.ts'
import { long } from './cases/long.ts'
import { noConnection } from './cases/no-connection.ts'
import { options } from './cases/options.ts'
import { recovery } from './cases/recovery.ts'
import { reordering } from './cases/reordering.ts'
import { resets } from './cases/resets.ts'
import { retransmission } from './cases/retransmission.ts'
import { timeWait } from './cases/time-wait.ts'
import { windows } from './cases/windows.ts'
import type { Case } from './notation.ts'

export const ALL: readonly Case[] = [
  ...handshake,
  ...listening,
  ...data,
  ...windows,
  ...retransmission,
  ...recovery,
  ...reordering,
  ...options,
  ...closing,
  ...timeWait,
  ...resets,
  ...noConnection,
  ...ipv6,
  ...long,
]

/** Whether a case waits so long in real time that `npm test` leaves it out. */
export function isSlow({ steps }: Case): boolean {
  const times = steps.map(({ verb, words, time }) => (verb === 'quiet' ? Number(words[0]) : (time?.[0] ?? 0)))
  return times.reduce((sum, time) => sum + time, 0) > 700
}
