/** The lateness of a stage's packets between two readings, for the server and for the page. */

/** Packets by lateness, ascending: at most this late in ms, but later than the pair before. */
type Counts = readonly (readonly [ms: number, packets: number])[]

/** Returns the packets that left since an earlier reading; all if counts fell: a new stage. */
export function since(counts: Counts, before: Counts): Counts {
  const was = new Map(before)
  const more = counts.map(([ms, packets]) => [ms, packets - (was.get(ms) ?? 0)] as const)
  return more.some(([, packets]) => packets < 0) ? counts : more
}

/** Returns the lateness that a share of the packets did not exceed; undefined without a packet. */
export function quantile(counts: Counts, share: number): number | undefined {
  let left = share * counts.reduce((sum, [, packets]) => sum + packets, 0)
  for (const [ms, packets] of counts) {
    left -= packets
    if (packets > 0 && left <= 0) return ms
  }
  return undefined
}
