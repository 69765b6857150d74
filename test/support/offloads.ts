/** Offloads of an interface as ethtool(8) changes and shows them, and which combinations of them tests try. */
import type { Netns } from './netns.ts'

/** What `ethtool -K` is asked for, by its own names. */
export const OFFLOADS = ['tx', 'tso', 'gso', 'gro', 'tx-udp-segmentation'] as const

export type Offloads = Readonly<Record<(typeof OFFLOADS)[number], boolean>>

export const ALL_ON: Offloads = { tx: true, tso: true, gso: true, gro: true, 'tx-udp-segmentation': true }

/** Offloads of two ends. */
export type Combination = readonly [Offloads, Offloads]

/** tx and tso of both ends in all 16 ways, one change after the other; the rest is on. */
export function txAndTso(): Combination[] {
  const ways = [0, 1, 3, 2].map(bits => ({ ...ALL_ON, tx: (bits & 1) === 0, tso: (bits & 2) === 0 }))
  return ways.flatMap((a, i) => (i % 2 === 0 ? ways : ways.toReversed()).map(b => [a, b] as const))
}

/**
 * All ten switches so that any two of them are once on and on, once on and off, off and on, off and off: in six rows, of which
 * each switch is off in the first and in two of the others that are no other switch's two.
 */
export function pairwise(): Combination[] {
  const rows = [1, 2, 3, 4, 5]
  const offIn = rows.flatMap(i => rows.slice(i).map(j => [0, i, j]))
  return [0, ...rows].map(row => {
    const end = (first: number) =>
      Object.fromEntries(OFFLOADS.map((name, i) => [name, !offIn[first + i]?.includes(row)])) as Offloads
    return [end(0), end(OFFLOADS.length)]
  })
}

/** `ethtool -K`. What the interface cannot have stays off: TSO without checksums, all of it with --no-offload. */
export async function setOffloads(netns: Netns, name: string, offloads: Offloads): Promise<void> {
  const words = OFFLOADS.map(offload => `${offload} ${offloads[offload] ? 'on' : 'off'}`)
  const { status, stderr } = await netns.run(`ethtool -K ${name} ${words.join(' ')}`)
  // 1, too, when it had them already, or can have none of them.
  if (status !== 0 && !/Could not change any device features/.test(stderr)) throw new Error(`ethtool: ${stderr}`)
}

/** What of the host's sending is left to the interface: as `ethtool -k` shows it. */
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
    // A kernel before 6.2 has none.
    uso: on('tx-udp-segmentation'),
  }
}
