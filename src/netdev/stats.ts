/**
 * LinkStats64: the counters of `struct rtnl_link_stats64` (include/uapi/linux/if_link.h), in its
 * order. A row is a Float64Array of one queue's or one device's counters; whole numbers are exact
 * up to 2^53.
 */
import * as positions from './stats.generated.ts'

export * from './stats.generated.ts'

/** `rxPackets` for RX_PACKETS. */
type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<Name>
export type LinkStats64Field = Camel<keyof typeof positions>
export type LinkStats64 = Record<LinkStats64Field, number>

/** The counters by name, in the order of a row. */
export const linkStats64Fields = Object.entries(positions)
  .sort(([, a], [, b]) => a - b)
  .map(([name]) =>
    name.toLowerCase().replace(/_[a-z]/g, ([, letter]) => letter!.toUpperCase()),
  ) as readonly LinkStats64Field[]

export const LINK_STATS64_LENGTH = linkStats64Fields.length

/** Returns a name in the kernel's spelling: `rx_packets` for `rxPackets`. */
export function kernelName(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

/** Returns a row as an object with the kernel's names in camelCase. */
export function linkStats64(row: Float64Array): LinkStats64 {
  const stats = {} as LinkStats64
  for (const [i, field] of linkStats64Fields.entries()) stats[field] = row[i] ?? 0
  return stats
}
