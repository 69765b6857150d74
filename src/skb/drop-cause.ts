/** The meanings of the drop reasons. A test compares docs/statistics.md with this table. */
import causes from './drop-cause.json' with { type: 'json' }
import type * as reasons from './drop-reason.ts'

type Named<K> = K extends `SKB_DROP_REASON_${infer Name}` ? Exclude<Name, 'MAX'> : never

/** The cause of each reason, by its name without a prefix. */
export const DROP_CAUSES: Readonly<Record<string, string>> = causes satisfies Record<
  Named<keyof typeof reasons>,
  string
>
