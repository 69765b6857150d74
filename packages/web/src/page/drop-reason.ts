/** A driver without neighbours drops their discovery whenever a kernel sends it: that is right. */
export const HARMLESS = 'NEIGH'

/** Returns the number of drops, without harmless ones. */
export function wrongDrops(drops: Readonly<Record<string, number>> = {}): number {
  return Object.entries(drops).reduce((sum, [reason, count]) => (reason === HARMLESS ? sum : sum + count), 0)
}
