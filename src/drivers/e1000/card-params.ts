/** Parameters of drivers of a card in a slot. */
import { UsageError } from '../../base/usage-error.ts'
import { bool, int, text } from '../../netdev/driver.ts'
import { AT_ONCE } from './slot.ts'

const LAG_MAX = 1000
/** The length of a ring in bytes is a multiple of 128: eight descriptors. */
export const RING_UNIT = 8

/** `--ring-size`, `--lag` and `--weak`, which each driver of a card has. */
export const cardParams = {
  ringSize: int({
    default: 256,
    min: RING_UNIT,
    max: 4096,
    description: 'descriptors in each ring, a multiple of 8',
  }),
  lag: text<number>({
    default: 0,
    value: 'ms',
    description:
      "ms after which the card works on its rings; 0 is when the driver's code has returned, at-once is inside it",
    parse: parseLag,
    format: lag => (lag === AT_ONCE ? 'at-once' : String(lag)),
  }),
  weak: bool({
    default: false,
    description: "a CPU that reorders the driver's accesses to memory as much as is allowed",
  }),
}

function parseLag(written: string): number {
  if (written === 'at-once') return AT_ONCE
  const lag = /^\d{1,4}$/.test(written) ? Number(written) : Number.NaN
  if (lag <= LAG_MAX) return lag
  throw new UsageError(`'${written}' is neither 0 to ${LAG_MAX} ms nor at-once`)
}
