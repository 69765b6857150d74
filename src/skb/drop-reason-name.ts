/** Drop reasons by name without their prefix, as commands print them: `PKT_TOO_SMALL`. */
import * as dropReasons from './drop-reason.ts'

const { SKB_DROP_REASON_MAX, ...constants } = dropReasons
const names: readonly string[] = Object.entries(constants)
  .sort(([, one], [, other]) => one - other)
  .map(([name]) => name.replace(/^SKB_(DROP_REASON_)?/, ''))

/** The name of a reason; `REASON_N` for a number that is not one. */
export function dropReasonName(reason: number): string {
  return names[reason] ?? `REASON_${reason}`
}

/** The reason of that name; undefined unless a frame can be dropped for it. */
export function dropReasonOf(name: string): number | undefined {
  const reason = names.indexOf(name)
  return reason > dropReasons.SKB_NOT_DROPPED_YET ? reason : undefined
}

/** The drops of some rows together, by the names of the reasons that occurred. */
export function dropsByName(...rows: readonly Float64Array[]): Record<string, number> {
  const sums = Array.from({ length: SKB_DROP_REASON_MAX }, (_, reason) =>
    rows.reduce((n, row) => n + (row[reason] ?? 0), 0),
  )
  return Object.fromEntries(
    sums.map((n, reason) => [dropReasonName(reason), n] as const).filter(([, n]) => n > 0),
  )
}
