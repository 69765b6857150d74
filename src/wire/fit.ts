/**
 * Fits a wire to measured round trips: the text of both directions, which are assumed to be alike,
 * and a trace in CSV (stages/link-trace.ts).
 */
import { formatDuration, NSEC_PER_MSEC, NSEC_PER_SEC, random } from '../base/index.ts'
import { DISTRIBUTIONS, TABLE_FACTOR, tableOf } from './stages/distribution.ts'
import { formatRate, formatShare, join } from './units.ts'

/** A probe: when it was sent, and its round trip; both in ns. */
export type Probe = Readonly<{ sent: number; trip: number | undefined }>

/** The measurement that fitWire() turns into a wire. */
export interface Measured {
  readonly probes: readonly Probe[]
  /** The length of a probe, in bytes from the Ethernet header on. */
  readonly bytes: number
  /** Bits per second of the slower direction; undefined if trains arrived as fast as they left. */
  readonly rate: number | undefined
}

/** A fitted wire, and how well it agrees with the measurement. */
export interface Fit {
  readonly text: string
  /** Kolmogorov-Smirnov distance of the round trips, 0 to 1; undefined for a constant delay. */
  readonly distance: number | undefined
  /** The share of probes without reply, the number of their runs, and the mean length of a run. */
  readonly lost: number
  readonly runs: number
  readonly meanRun: number
  /** Quantiles of the round trips in ns, by their shares. */
  quantile(share: number): number
}

const DRAWS = 20_000
/** A jitter below this, in ns, comes from the computers. */
export const JITTER_MIN = 50_000
/** Losses come in bursts if their runs are longer by this factor than runs of random losses. */
const BURST = 1.3
const RUNS_MIN = 5

/** The trains of a measurement, and the packets of each. */
export const TRAINS = 5
export const TRAIN_PACKETS = 100
/** A train of which fewer packets arrive is left out. */
const TRAIN_MIN = 8

/**
 * Returns the rate in bit/s at which packets of `bytes` bytes leave the slower direction; undefined
 * if too few arrived. A train has the arrival times, in ns, of packets that were sent back to back,
 * in the order in which they were sent. The rate follows from a line through the times: the error
 * that jitter makes falls with the power 1.5 of the number of packets. The first quarter is left
 * out, in which the queue of the return path forms.
 */
export function rateOfTrains(
  trains: readonly (readonly number[])[],
  bytes: number,
): number | undefined {
  const gaps = trains
    .filter(({ length }) => length >= TRAIN_MIN)
    .map(times => slope(times.slice(Math.floor(times.length / 4))))
    .sort((a, b) => a - b)
  const gap = gaps[Math.floor(gaps.length / 2)]
  if (gap === undefined) return undefined
  return gap <= 0 ? Number.POSITIVE_INFINITY : (8 * bytes * NSEC_PER_SEC) / gap
}

/** Returns the slope of the line that fits best: least squares. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((a, b) => a + b) / values.length
  let [products, squares] = [0, 0]
  for (const [i, value] of values.entries()) {
    products += (i - middle) * (value - mean)
    squares += (i - middle) ** 2
  }
  return products / squares
}

/** Returns the fit. There must be at least one round trip. */
export function fitWire({ probes, bytes, rate }: Measured): Fit {
  const trips = Float64Array.from(probes.flatMap(({ trip }) => trip ?? [])).sort()
  const lost = 1 - trips.length / probes.length
  const lengths = runsOf(probes)
  const meanRun = lengths.length === 0 ? 0 : lengths.reduce((a, b) => a + b) / lengths.length
  const quantile = (share: number) => quantileOf(trips, share)
  const sending = rate === undefined ? 0 : (8 * bytes * NSEC_PER_SEC) / rate
  const delay = bestDelay(trips, sending)
  const loss = lossText(lost, meanRun, lengths.length)
  const text = [loss, rate !== undefined && `rate ${formatRate(rounded(rate))}`, delay.text]
    .filter(Boolean)
    .join(' | ')
  return { text, distance: delay.distance, lost, runs: lengths.length, meanRun, quantile }
}

function runsOf(probes: readonly Probe[]): number[] {
  const lengths: number[] = []
  for (const [i, { trip }] of probes.entries()) {
    if (trip !== undefined) continue
    if (i > 0 && probes[i - 1]?.trip === undefined) {
      lengths[lengths.length - 1] = (lengths.at(-1) ?? 0) + 1
    } else {
      lengths.push(1)
    }
  }
  return lengths
}

/** A round trip is lost if either direction loses it. */
function lossText(lost: number, meanRun: number, runs: number): string {
  const share = formatShare(rounded(1 - Math.sqrt(1 - lost)))
  if (lost === 0 || lost === 1) return ''
  const isBurst = runs >= RUNS_MIN && meanRun > BURST / (1 - lost)
  return join([`loss ${share}`, isBurst && `burst ${rounded(meanRun)}`])
}

/** Returns the delay of each direction, so that the sums are nearest to the round trips. */
function bestDelay(
  trips: Float64Array,
  sending: number,
): Pick<Fit, 'text'> & { readonly distance?: number } {
  const mean = trips.reduce((sum, trip) => sum + trip, 0) / trips.length
  const deviation = Math.sqrt(
    trips.reduce((sum, trip) => sum + (trip - mean) ** 2, 0) / trips.length,
  )
  const time = roundedTime(Math.max(0, mean / 2 - sending))
  // Both directions add their variances.
  const ofOne = deviation / Math.SQRT2
  const constant = `delay ${formatDuration(roundedTime(Math.max(0, quantileOf(trips, 0.5) / 2 - sending)))}`
  if (ofOne < JITTER_MIN) return { text: constant }
  const candidates = DISTRIBUTIONS.map(name => {
    const jitter = roundedTime(name === 'uniform' ? ofOne * Math.sqrt(3) : ofOne)
    const suffix = name === 'uniform' ? '' : ` distribution ${name}`
    const text = `delay ${formatDuration(time)} ${formatDuration(jitter)}${suffix}`
    return { text, distance: distanceOf(trips, drawn(name, time, jitter, sending)) }
  })
  return candidates.reduce((best, each) => (each.distance < best.distance ? each : best))
}

/** Draws the round trips of a candidate, ascending. */
function drawn(
  name: (typeof DISTRIBUTIONS)[number],
  time: number,
  jitter: number,
  sending: number,
): Float64Array {
  const table = tableOf(name)
  const { next } = random(1)
  const one = () => {
    const t =
      table === undefined ? 2 * next() - 1 : table[Math.floor(next() * table.length)] / TABLE_FACTOR
    return Math.max(0, time + jitter * t) + sending
  }
  return Float64Array.from({ length: DRAWS }, () => one() + one()).sort()
}

/** Returns the largest difference of the distribution functions of two ascending lists. */
function distanceOf(a: Float64Array, b: Float64Array): number {
  let most = 0
  for (let i = 0, j = 0; i < a.length; i++) {
    while (j < b.length && b[j] <= a[i]) {
      j++
    }
    most = Math.max(
      most,
      Math.abs((i + 1) / a.length - j / b.length),
      Math.abs(i / a.length - j / b.length),
    )
  }
  return most
}

export function traceOf({ probes, bytes, rate }: Measured, step: number): string {
  const rows = new Map<number, Probe[]>()
  for (const probe of probes) {
    const row = Math.floor(probe.sent / step)
    rows.set(row, [...(rows.get(row) ?? []), probe])
  }
  const sending = rate === undefined ? 0 : (8 * bytes * NSEC_PER_SEC) / rate
  const columns = rate === undefined ? '' : ',rate'
  const lines = [...rows].map(([row, each]) => {
    const trips = Float64Array.from(each.flatMap(({ trip }) => trip ?? [])).sort()
    const ms =
      trips.length === 0
        ? ''
        : Math.max(0, (quantileOf(trips, 0.5) / 2 - sending) / NSEC_PER_MSEC).toFixed(3)
    const loss = 1 - Math.sqrt(trips.length / each.length)
    const seconds = Number(((row * step) / NSEC_PER_SEC).toFixed(3))
    return `${seconds},${ms},${(100 * loss).toFixed(2)}%${rate === undefined ? '' : `,${formatRate(rounded(rate))}`}`
  })
  // The first row needs a value.
  const known = lines.find(line => line.split(',')[1] !== '')?.split(',')[1] ?? '0'
  lines[0] = (lines[0] ?? '').replace(',,', `,${known},`)
  return `time,delay,loss${columns}\n${lines.join('\n')}\n`
}

function quantileOf(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

const rounded = (value: number): number => Number(value.toPrecision(3))

const roundedTime = (ns: number): number => Math.round(rounded(ns) / 1000) * 1000
