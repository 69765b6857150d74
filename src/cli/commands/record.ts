/**
 * `vnet record HOST|IF`: measures a path by the program ping, and writes a trace and the text of a
 * wire that resembles it.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, unlinkSync, writeFileSync } from 'node:fs'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '../../base/clock.ts'
import { formatDuration } from '../../base/duration.ts'
import { reasonOf } from '../../base/errno.ts'
import { printable } from '../../base/printable.ts'
import { asUsageError, UsageError } from '../../base/usage-error.ts'
import { installing, openOutput } from '../../linux/index.ts'
import {
  type Fit,
  fitWire,
  JITTER_MIN,
  type Measured,
  rateOfTrains,
  TRAIN_PACKETS,
  TRAINS,
  traceOf,
} from '../../wire/fit.ts'
import { formatRate, formatShare } from '../../wire/units.ts'
import { fail } from '../ask.ts'
import { EXIT_OK, type Io } from '../process/io.ts'

interface RecordOptions {
  /** Nanoseconds. */
  readonly time: number
  readonly interval: number
  readonly out: string
  readonly json: boolean | undefined
}

/** Bytes of data in a probe, and in a packet of a train. */
const SMALL = 56
const LARGE = 1400
/** Headers of Ethernet, IP and ICMP. */
const HEADERS = { 4: 42, 6: 62 } as const
/** Above this rate, in bit/s, a train shows how fast the computers are. */
const RATE_MAX = 1e9
/** A row of the trace, in ns. */
const STEP = NSEC_PER_SEC
/** The highest sequence number of ICMP. */
const COUNT_MAX = 65_000

/** Measures and prints. Returns the exit status. */
export async function record(target: string, options: RecordOptions, io: Io): Promise<number> {
  const { time, interval, out } = options
  const count = Math.floor(time / interval)
  if (count < 10) {
    throw new UsageError('record: a measurement needs at least 10 probes: a longer --time')
  }
  if (count > COUNT_MAX) {
    throw new UsageError(`record: at most ${COUNT_MAX} probes: a longer --interval`)
  }
  // Tried first: a measurement takes long. A file of an earlier one is kept until there is another.
  const isNew = !existsSync(out)
  closeSync(openOutput(out, { keeps: true, mode: 0o666 }))
  if (isNew) {
    unlinkSync(out)
  }
  const to = await hostOf(target)
  const each = await ping([
    ...to,
    '-c',
    `${count}`,
    '-i',
    `${interval / NSEC_PER_SEC}`,
    '-s',
    `${SMALL}`,
  ])
  if (each.trips.size === 0) return fail(io, `record ${target}: no reply: ${each.said}`)
  const headers = HEADERS[each.isIpv6 ? 6 : 4]
  const { rate, said } = await rateOf(to, headers)
  const probes = Array.from({ length: count }, (_, i) => ({
    sent: i * interval,
    trip: each.trips.get(i + 1),
  }))
  const measured = { probes, bytes: SMALL + headers, rate }
  const fit = fitWire(measured)
  write(out, traceOf(measured, STEP))
  if (options.json) {
    io.out(`${JSON.stringify(jsonOf(target, measured, fit, out))}\n`)
  } else {
    io.out(textOf(target, measured, fit, said, out))
  }
  return EXIT_OK
}

function write(path: string, text: string): void {
  const fd = openOutput(path, { mode: 0o666 })
  try {
    asUsageError(path, () => writeFileSync(fd, text))
  } finally {
    closeSync(fd)
  }
}

const QUANTILES = { min: 0, median: 0.5, p90: 0.9, p99: 0.99 } as const

/** Times are in ms, the rate in bit/s; shares are from 0 to 1. */
function jsonOf(target: string, { probes, bytes, rate }: Measured, fit: Fit, out: string): object {
  const { text, distance, lost, runs, meanRun, quantile } = fit
  const trips = Object.entries(QUANTILES).map(([name, share]) => [
    name,
    quantile(share) / NSEC_PER_MSEC,
  ])
  const measured = {
    probes: probes.length,
    bytes,
    trip: Object.fromEntries(trips),
    lost,
    runs,
    meanRun,
  }
  const found = {
    rate: rate === undefined ? null : Math.round(rate),
    wire: text,
    distance: distance ?? null,
  }
  return { event: 'record', target, ...measured, ...found, trace: out }
}

function textOf(
  target: string,
  { probes, bytes }: Measured,
  fit: Fit,
  rate: string,
  out: string,
): string {
  const { text, distance, lost, runs, meanRun, quantile } = fit
  const [min, median, p90, p99] = Object.values(QUANTILES).map(share =>
    formatDuration(quantile(share), { digits: 3 }),
  )
  const inRuns = runs === 0 ? '' : `, in ${runs} runs of ${meanRun.toFixed(1)} on average`
  return (
    `${printable(target)}: ${probes.length} probes of ${bytes} bytes\n` +
    `  round trip  min ${min}, median ${median}, 90% ${p90}, 99% ${p99}\n` +
    `  lost        ${formatShare(Number(lost.toPrecision(3)))}${inRuns}\n` +
    `  rate        ${rate}\n` +
    `  wire        ${text}\n` +
    `  distance    ${distanceText(distance)}\n` +
    `  trace       ${printable(out)}\n`
  )
}

function distanceText(distance: number | undefined): string {
  if (distance === undefined) {
    return `not measured: the jitter is less than ${formatDuration(JITTER_MIN)}`
  }
  return `${distance.toFixed(3)} of the round trips (Kolmogorov-Smirnov; 0 is the same distribution)`
}

/** Returns the arguments of ping for the gateway of an interface, or for a host. */
async function hostOf(target: string): Promise<string[]> {
  if (target.startsWith('-')) throw new UsageError(`record: ${target} is not a host`)
  if (target.includes('/') || !existsSync(`/sys/class/net/${target}`)) return [target]
  const { stdout } = await run('ip', ['-j', 'route', 'show', 'default', 'dev', target])
  const [{ gateway } = {}] = JSON.parse(stdout || '[]') as { gateway?: string }[]
  return gateway === undefined ? [target] : ['-I', target, gateway]
}

/**
 * Measures the distance at which packets arrive that were sent back to back. Returns the rate,
 * undefined if none was found or the line is not limited, and its text.
 */
async function rateOf(
  to: readonly string[],
  headers: number,
): Promise<{ rate?: number; said: string }> {
  const trains: number[][] = []
  for (let i = 0; i < TRAINS; i++) {
    const args = ['-c', `${TRAIN_PACKETS}`, '-l', `${TRAIN_PACKETS}`, '-i', '0.2', '-s', `${LARGE}`]
    const { arrivals } = await ping([...to, ...args])
    trains.push([...arrivals].sort(([a], [b]) => a - b).map(([, time]) => time))
  }
  const rate = rateOfTrains(trains, LARGE + headers)
  if (rate === undefined) {
    // ping sends trains for root only.
    return {
      said: `not measured: ${process.getuid?.() === 0 ? 'trains of packets were lost' : 'needs root'}`,
    }
  }
  if (rate >= RATE_MAX) return { said: 'not limited' }
  return { rate, said: formatRate(Number(rate.toPrecision(3))) }
}

/**
 * Runs ping. Returns the round trips and the arrival times of replies in ns, by their numbers from
 * 1, and the last message of ping.
 */
async function ping(args: readonly string[]) {
  const { stdout, stderr } = await run('ping', ['-n', '-D', '-W', '2', ...args])
  const [trips, arrivals] = [new Map<number, number>(), new Map<number, number>()]
  for (const [, s, us, seq, ms] of stdout.matchAll(
    /^\[(\d+)\.(\d+)\] .*icmp_seq=(\d+) .*time=([\d.]+) ms$/gm,
  )) {
    if (trips.has(Number(seq))) continue
    trips.set(Number(seq), Number(ms) * NSEC_PER_MSEC)
    arrivals.set(Number(seq), Number(s) * NSEC_PER_SEC + 1000 * Number(us))
  }
  const isIpv6 = /bytes from [0-9a-f]*:/.test(stdout)
  const said = stderr.trim().split('\n').at(-1) || 'the far side answers no ICMP echo'
  return { trips, arrivals, isIpv6, said }
}

/** Runs a program to its end. Rejects with a UsageError if it is not installed. */
function run(
  program: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    })
    const read = { stdout: '', stderr: '' }
    child.stdout.on('data', chunk => {
      read.stdout += chunk
    })
    child.stderr.on('data', chunk => {
      read.stderr += chunk
    })
    child.on('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'ENOENT' ? installing(program) : reasonOf(cause)
      reject(new UsageError(`record needs the program ${program}: ${why}`, { cause }))
    })
    child.on('close', () => resolve(read))
  })
}
