/** Changes and shows offloads with ethtool(8), and makes the combinations that tests try. */
import type { Netns } from './netns.ts'

/** The features that tests change, with the names of `ethtool -K`. */
export const OFFLOADS = ['tx', 'tso', 'gso', 'gro', 'tx-udp-segmentation'] as const

export type Offloads = Readonly<Record<(typeof OFFLOADS)[number], boolean>>

export const ALL_ON: Offloads = {
  tx: true,
  tso: true,
  gso: true,
  gro: true,
  'tx-udp-segmentation': true,
}

/** The offloads of the two ends. */
export type Combination = readonly [Offloads, Offloads]

/** All 16 combinations of tx and tso at both ends, one change at a time; the rest is on. */
export function txAndTso(): Combination[] {
  const ways = [0, 1, 3, 2].map(bits => ({
    ...ALL_ON,
    tx: (bits & 1) === 0,
    tso: (bits & 2) === 0,
  }))
  return ways.flatMap((a, i) => (i % 2 === 0 ? ways : ways.toReversed()).map(b => [a, b] as const))
}

/**
 * Pairwise combinations of all ten switches: any two of them are on and on, on and off, off and on,
 * and off and off in at least one of six rows. Each switch is off in the first row and in two
 * others, a different pair for each.
 */
export function pairwise(): Combination[] {
  const rows = [1, 2, 3, 4, 5]
  const offIn = rows.flatMap(i => rows.slice(i).map(j => [0, i, j]))
  return [0, ...rows].map(row => {
    const end = (first: number) =>
      Object.fromEntries(
        OFFLOADS.map((name, i) => [name, !offIn[first + i]?.includes(row)]),
      ) as Offloads
    return [end(0), end(OFFLOADS.length)]
  })
}

/**
 * Runs `ethtool -K`. Unavailable features remain off: TSO without checksums, all with --no-offload.
 */
export async function setOffloads(netns: Netns, name: string, offloads: Offloads): Promise<void> {
  const words = OFFLOADS.map(offload => `${offload} ${offloads[offload] ? 'on' : 'off'}`)
  const { status, stderr } = await netns.run(`ethtool -K ${name} ${words.join(' ')}`)
  // The status is 1 also if nothing changes.
  if (status !== 0 && !/Could not change any device features/.test(stderr)) {
    throw new Error(`ethtool: ${stderr}`)
  }
}

/** The work of sending that is left to the interface, as `ethtool -k` shows it. */
export interface Sending {
  readonly csum: boolean
  readonly tso: boolean
  readonly uso: boolean
}

export async function sendingOffloads(netns: Netns, name: string): Promise<Sending> {
  const { stdout } = await netns.run(`ethtool -k ${name}`)
  const on = (feature: string) => new RegExp(`^\\s*${feature}: on`, 'm').test(stdout)
  return {
    csum: on('tx-checksumming'),
    tso: on('tcp-segmentation-offload'),
    // Kernels before 6.2 do not have it.
    uso: on('tx-udp-segmentation'),
  }
}
