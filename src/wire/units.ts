/** Numbers with units, as tc(8) writes them. */
import { UsageError } from '../netdev/driver.ts'

const DURATIONS: Readonly<Record<string, number>> = {
  ...{ ns: 1, nsec: 1, nsecs: 1, us: 1e3, usec: 1e3, usecs: 1e3 },
  ...{ ms: 1e6, msec: 1e6, msecs: 1e6, s: 1e9, sec: 1e9, secs: 1e9 },
}

/** Returns a duration in ns: `20ms`, `1.5s`; a number without a unit is microseconds, as in tc. */
export function parseDuration(text: string): number {
  const [, number, unit = 'us'] = /^(\d+(?:\.\d+)?|\.\d+)([a-z]+)?$/i.exec(text) ?? []
  const factor = DURATIONS[unit.toLowerCase()]
  if (number === undefined || factor === undefined) {
    throw new UsageError(`'${text}' is not a duration: a number with ns, us, ms or s`)
  }
  return Math.round(Number(number) * factor)
}

/** Returns a share from 0 to 1: `1%`, `0.01`. */
export function parseShare(text: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?|\.\d+)(%)?$/.exec(text) ?? []
  const share = Number(number) / (percent === undefined ? 1 : 100)
  if (!(share >= 0 && share <= 1)) throw new UsageError(`'${text}' is not a share: 0% to 100%, or 0 to 1`)
  return share
}

/** Bits per second and unit. `bps` is bytes per second, as in tc. */
const RATES: Readonly<Record<string, number>> = {
  ...{ bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9, tbit: 1e12 },
  ...{ kibit: 1024, mibit: 1024 ** 2, gibit: 1024 ** 3, tibit: 1024 ** 4 },
  ...{ bps: 8, kbps: 8e3, mbps: 8e6, gbps: 8e9, tbps: 8e12 },
  ...{ kibps: 8 * 1024, mibps: 8 * 1024 ** 2, gibps: 8 * 1024 ** 3, tibps: 8 * 1024 ** 4 },
}

/** Returns a rate in bit/s: `10mbit`, `1.5gbit`; a number without a unit is bit/s, as in tc. */
export function parseRate(text: string): number {
  const [, number, unit = 'bit'] = /^(\d+(?:\.\d+)?|\.\d+)([a-z]+)?$/i.exec(text) ?? []
  const rate = Number(number) * (RATES[unit.toLowerCase()] ?? Number.NaN)
  if (!(rate > 0)) throw new UsageError(`'${text}' is not a rate: a number with bit, kbit, mbit or gbit`)
  return rate
}

/** Bytes per unit: tc's sizes are powers of 1024. */
const SIZES: Readonly<Record<string, number>> = {
  ...{ b: 1, k: 1024, kb: 1024, m: 1024 ** 2, mb: 1024 ** 2, g: 1024 ** 3, gb: 1024 ** 3 },
  ...{ kbit: 1024 / 8, mbit: 1024 ** 2 / 8, gbit: 1024 ** 3 / 8 },
}

/** Returns a size in bytes: `1500`, `64kb`; a number without a unit is bytes, as in tc. */
export function parseSize(text: string): number {
  const [, number, unit = 'b'] = /^(\d+(?:\.\d+)?|\.\d+)([a-z]+)?$/i.exec(text) ?? []
  const size = Math.round(Number(number) * (SIZES[unit.toLowerCase()] ?? Number.NaN))
  if (!(size >= 0)) throw new UsageError(`'${text}' is not a size: a number of bytes, or with kb or mb`)
  return size
}
