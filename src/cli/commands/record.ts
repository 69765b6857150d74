/**
 * `vnet record HOST|IF`: measures a path by the program ping, and writes a trace and the text of a
 * wire that resembles it.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '../../base/clock.ts'
import { formatDuration } from '../../base/duration.ts'
import { printable } from '../../base/printable.ts'
import { asUsageError, UsageError } from '../../base/usage-error.ts'
import { fitWire, JITTER_MIN, type Probe, traceOf } from '../../wire/fit.ts'
import { formatRate, formatShare } from '../../wire/units.ts'
import { fail } from '../ask.ts'
import { EXIT_OK, type Io } from '../io.ts'

export interface RecordOptions {
  /** Nanoseconds. */
  readonly time: number
  readonly interval: number
  readonly out: string
}

/** Bytes of data in a probe, and in a packet of a train. */
const SMALL = 56
const LARGE = 1400
/** Headers of Ethernet, IP and ICMP. */
const HEADERS = { 4: 42, 6: 62 } as const
const TRAIN = 20
const TRAINS = 5
/** Above this rate, in bit/s, a train shows how fast the computers are. */
const RATE_MAX = 1e9
/** A row of the trace, in ns. */
const STEP = NSEC_PER_SEC
/** The highest sequence number of ICMP. */
const COUNT_MAX = 65_000

/** Measures and prints. Returns the exit status. */
export async function record(target: string, { time, interval, out }: RecordOptions, io: Io): Promise<number> {
  const count = Math.floor(time / interval)
  if (count < 10) throw new UsageError('record: a measurement needs at least 10 probes: a longer --time')
  if (count > COUNT_MAX) throw new UsageError(`record: at most ${COUNT_MAX} probes: a longer --interval`)
  // Tried first: a measurement takes long. A file of an earlier one is kept until there is another.
  asUsageError(out, () => closeSync(openSync(out, 'a')))
  const to = await hostOf(target)
  const each = await ping([...to, '-c', `${count}`, '-i', `${interval / NSEC_PER_SEC}`, '-s', `${SMALL}`])
  if (each.trips.size === 0) return fail(io, `record ${target}: no reply: ${each.said}`)
  const headers = HEADERS[each.isIpv6 ? 6 : 4]
  const { rate, said } = await rateOf(to, headers)
  const probes: Probe[] = Array.from({ length: count }, (_, i) => ({ sent: i * interval, trip: each.trips.get(i + 1) }))
  const measured = { probes, bytes: SMALL + headers, rate }
  const { text, distance, lost, runs, meanRun, quantile } = fitWire(measured)
  asUsageError(out, () => writeFileSync(out, traceOf(measured, STEP)))
  const trips = [0, 0.5, 0.9, 0.99].map(share => formatDuration(quantile(share), { digits: 3 }))
  const inRuns = runs === 0 ? '' : `, in ${runs} runs of ${meanRun.toFixed(1)} on average`
  io.out(
    `${printable(target)}: ${count} probes of ${measured.bytes} bytes\n` +
      `  round trip  min ${trips[0]}, median ${trips[1]}, 90% ${trips[2]}, 99% ${trips[3]}\n` +
      `  lost        ${formatShare(Number(lost.toPrecision(3)))}${inRuns}\n` +
      `  rate        ${said}\n` +
      `  wire        ${text}\n` +
      `  distance    ${distanceText(distance)}\n` +
      `  trace       ${printable(out)}\n`,
  )
  return EXIT_OK
}

function distanceText(distance: number | undefined): string {
  if (distance === undefined) return `not measured: the jitter is less than ${formatDuration(JITTER_MIN)}`
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
 * undefined if none was found, and its text.
 */
async function rateOf(to: readonly string[], headers: number): Promise<{ rate?: number; said: string }> {
  const rates: number[] = []
  for (let i = 0; i < TRAINS; i++) {
    const args = ['-c', `${TRAIN}`, '-l', `${TRAIN}`, '-i', '0.2', '-s', `${LARGE}`]
    const trips = [...(await ping([...to, ...args])).trips.entries()].sort(([a], [b]) => a - b)
    const [first, last] = [trips[0], trips.at(-1)]
    if (first === undefined || last === undefined || last[0] === first[0]) continue
    const ns = (last[1] - first[1]) / (last[0] - first[0])
    rates.push(ns <= 0 ? RATE_MAX : (8 * (LARGE + headers) * NSEC_PER_SEC) / ns)
  }
  const median = rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)]
  if (median === undefined) {
    // ping sends trains for root only.
    return { said: `not measured: ${process.getuid?.() === 0 ? 'trains of packets were lost' : 'needs root'}` }
  }
  if (median >= RATE_MAX) return { said: 'not limited' }
  return { rate: median, said: formatRate(Number(median.toPrecision(3))) }
}

/** Runs ping. Returns the round trips in ns, by their numbers from 1, and what it said last. */
async function ping(args: readonly string[]) {
  const { stdout, stderr } = await run('ping', ['-n', '-W', '2', ...args])
  const trips = new Map<number, number>()
  for (const [, seq, ms] of stdout.matchAll(/icmp_seq=(\d+) .*time=([\d.]+) ms$/gm)) {
    if (!trips.has(Number(seq))) trips.set(Number(seq), Number(ms) * NSEC_PER_MSEC)
  }
  const isIpv6 = /bytes from [0-9a-f]*:/.test(stdout)
  const said = stderr.trim().split('\n').at(-1) || 'the far side answers no ICMP echo'
  return { trips, isIpv6, said }
}

/** Runs a program to its end. Rejects with a UsageError if it is not installed. */
function run(program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } })
    const read = { stdout: '', stderr: '' }
    child.stdout.on('data', chunk => (read.stdout += chunk))
    child.stderr.on('data', chunk => (read.stderr += chunk))
    child.on('error', cause =>
      reject(new UsageError(`record needs the program ${program}: ${cause.message}`, { cause })),
    )
    child.on('close', () => resolve(read))
  })
}
