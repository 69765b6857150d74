/** Every driver of vnet/drivers, and its runs in tests of all drivers. */
import * as vnet from '#src/drivers/index.ts'
import type { Driver } from '#src/netdev/driver.ts'

/** Every driver of the package, by name. */
export const drivers = Object.fromEntries(
  Object.entries(vnet as Record<string, unknown>).filter(
    ([, value]) => Object(value).init !== undefined,
  ),
) as Record<string, Driver>

/** A driver with arguments and parameters, by default none. */
export interface DriverRun {
  readonly name: string
  readonly args?: readonly string[]
  readonly params?: Readonly<Record<string, unknown>>
  /** Frames that its devices keep, such as the buffers of a card; by default 0. */
  readonly kept?: number
  /** True if it drops each frame that the kernel sends; otherwise each arrives. */
  readonly drops?: boolean
}

/** Buffers that the card of e1000 has, of both devices. */
const CARD_BUFFERS = 2 * 63

/** Every driver, with the parameters that change its data path. */
export const DRIVER_RUNS: readonly DriverRun[] = [
  { name: 'loop' },
  { name: 'snull' },
  { name: 'snull', params: { useNapi: true } },
  { name: 'cable', args: ['a', 'b'] },
  { name: 'cable', args: ['a', 'b'], params: { rxFilter: true } },
  { name: 'e1000', params: { ringSize: 64 }, kept: CARD_BUFFERS },
  { name: 'e1000', params: { ringSize: 64, lag: -1 }, kept: CARD_BUFFERS },
]

/** Returns a run as it is in the title of a test: `cable a b rxFilter=true`. */
export const titleOfRun = ({ name, args = [], params = {} }: DriverRun): string =>
  [name, ...args, ...Object.entries(params).map(([key, value]) => `${key}=${value}`)].join(' ')
