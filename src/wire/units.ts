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
