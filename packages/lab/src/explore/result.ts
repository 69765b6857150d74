/**
 * The result of an exploration, as data. The report prints it, --json writes it, and the page shows
 * it.
 */
import type { Direction } from 'vnet/wire'
import type { OperationMoment } from '../history/history.ts'
import type { WorldName } from '../world/world.ts'

/** The first words of the error of a run that did not end in time. */
export const TIMED_OUT = 'timed out'

/** The most characters of the output of a run that are kept. */
export const OUTPUT_MAX = 4096

/** The faults of one direction of a link, as a wire, which counts the packets of filters. */
export interface WireFault {
  readonly link: string
  readonly direction: Direction
  /** `drop "tcp dst port 80" nth 2` */
  readonly wire: string
  /** The same as calls: `await link.ab.fault('drop', 'tcp dst port 80', { nth: 2 })` */
  readonly code: readonly string[]
}

/**
 * `error`: the scenario rejected in time, under a fault that ends or silences a connection.
 * `missed`: the run had no such packet. `skipped`: `budget` or `stopAt` ended the exploration.
 */
export type Verdict = 'passed' | 'slower' | 'error' | 'failed' | 'missed' | 'skipped'

/** The outcome of the runs with one set of faults. */
export interface Outcome {
  readonly verdict: Verdict
  /** How many of the runs failed. */
  readonly failed: number
  readonly runs: number
  /** The time of the fastest run in ms; of the first one, if it failed. */
  readonly ms: number
  /** Times in ms of the clean runs that `ms` is compared with. For `slower` they ran beside it. */
  readonly clean: readonly number[]
  /** `ms` as a multiple of the fastest clean run. */
  readonly factor: number
  /** Why it failed first; the error of the verdict `error`. */
  readonly error?: string | undefined
}

/** The clean runs. */
export interface Baseline {
  /** The times of the scenario in ms, the shortest first. */
  readonly times: readonly number[]
  /** The resources left after each of the runs. */
  readonly left: readonly string[]
}

/** A row of the table: a packet that was faulted. */
export interface ResultPacket {
  /** Its name, which means the same packet in each run. */
  readonly name: string
  readonly link: string
  readonly direction: 'ab' | 'ba'
  /** From its source: `tcp client:* > server:80`. */
  readonly flow: string
  /** Milliseconds since the first packet. */
  readonly at: number
  /** Bytes of the frame. */
  readonly length: number
  /** As tcpdump prints it, without the time. */
  readonly text: string
  /** For a packet that no clean run has, the fault that makes it appear. */
  readonly after?: string | undefined
}

/** A cell of the table, or a pair of faults that was tried. */
export interface ResultPoint extends Partial<Outcome> {
  /** Indexes into the packets and the faults of the result. A burst starts with the packet. */
  readonly packet: number
  readonly fault: number
  /** The second fault of a pair. Pairs are not in the table. A repair is in `faults` only. */
  readonly second?: { readonly packet: number; readonly fault: number } | undefined
  /** The faults, as explore.repeat takes them. */
  readonly faults: readonly string[]
  readonly verdict: Verdict
}

/** How many schedules there are of each verdict. Slower ones and errors have passed. */
export type ScheduleCounts = Readonly<Record<Exclude<Verdict, 'slower' | 'error'>, number>>

/**
 * A set of faults that breaks the scenario, reduced to the smallest that still does, with
 * everything that repeats it: faults for explore.repeat, a wire, captures and a test.
 */
export interface Failure {
  /** The smallest set of faults that fails, as explore.repeat takes them. */
  readonly faults: readonly string[]
  /**
   * Other single faults that failed alike, and were not repeated: with the same error at the same
   * packet, or at any packet if the run waited for ever.
   */
  readonly also: readonly string[]
  /** How many faults the first set that failed had. */
  readonly from: number
  /** How many of the runs with these faults failed. */
  readonly failed: number
  readonly runs: number
  readonly error: string
  /** The end of the scenario's output; a function prints to this process. */
  readonly output: string
  /** The first run that failed, unless its process was killed. */
  readonly run?: FailedRun | undefined
  /** The packets that were hit, as tcpdump prints them. */
  readonly packets: readonly string[]
  readonly wire: readonly WireFault[]
  /** Whether a run with these wires in place of the faults has failed, too. */
  readonly wireFailed: boolean
  /** The world in which it was found. */
  readonly world: WorldName
  /**
   * The outcome of the same faults in the kernel, for a failure that was found in memory. `missed`
   * means that the run there had no such packet. Undefined if it was not tried: one failure of each
   * error is.
   */
  readonly kernel?: 'failed' | 'passed' | 'missed' | undefined
  /** The pcapng files of one more run with the same faults, and whether it failed, too. */
  readonly captures: readonly string[]
  readonly recordedFailed: boolean
  /**
   * Whether the exploration was stopped before these faults were repeated, reduced, recorded and
   * tried as wires.
   */
  readonly stopped: boolean
  /** Milliseconds that a run with these faults may take. */
  readonly limit: number
  /** A vitest test that fails until the program is mended. */
  readonly test: string
}

/**
 * The whole result, which can be written as JSON. A point names its packet and its fault by their
 * indexes in `packets` and `faults`.
 */
export interface ExploreResult {
  readonly passed: boolean
  /** The promise of the program. */
  readonly promise?: string | undefined
  /** The errors of clean runs, each with what was printed. With one, nothing was faulted. */
  readonly cleanErrors: readonly string[]
  readonly baseline: Baseline
  /** The round trip in ms that delays are multiples of. */
  readonly roundTrip: number
  /** TCP's least retransmission timeout in the labs, as a text. */
  readonly rto: string
  /** The world of the labs. In memory, times are virtual. */
  readonly world: WorldName
  /** What makes the table differ from one exploration to the next, one line each. */
  readonly unsteady: readonly string[]
  readonly packets: readonly ResultPacket[]
  /** The columns of the table: `drop`, `delay 2rtt`, `burst 3`. */
  readonly faults: readonly string[]
  readonly points: readonly ResultPoint[]
  /** How many pairs were not tried. They are not in `points`. */
  readonly skippedPairs: number
  /** The same for repairs at later packets. */
  readonly skippedRepairs: number
  /** The verdicts of schedules. They are not in `points`. */
  readonly schedules: ScheduleCounts
  readonly failures: readonly Failure[]
  /** Milliseconds in all. */
  readonly ms: number
  readonly runs: number
  /** The number of the first run that failed, clean ones included. */
  readonly foundAfter?: number | undefined
  readonly pointsPerSecond: number
}

/** Returns the points of each packet. */
export function byPacket<P extends Pick<ResultPoint, 'packet'>>(
  packets: readonly unknown[],
  points: readonly P[],
): readonly (readonly P[])[] {
  const groups = packets.map((): P[] => [])
  for (const point of points) {
    groups[point.packet]?.push(point)
  }
  return groups
}

/** Returns what the table shows of a fault of a packet: its failure with a repair, if any. */
export function shownOf<P extends Pick<ResultPoint, 'verdict'>>(
  points: readonly P[],
): P | undefined {
  return points.find(({ verdict }) => verdict === 'failed') ?? points[0]
}

/** Returns a line about schedules; none without any. */
export function schedulesText(schedules: ScheduleCounts): string[] {
  const { failed, missed, skipped } = schedules
  const all = sumOf(schedules)
  const some = missed === 0 ? '' : `, ${missed} missed a packet or a repair`
  return all === 0 ? [] : [`${all} schedules: ${failed} failed, ${skipped} skipped${some}`]
}

export function sumOf({ passed, failed, missed, skipped }: ScheduleCounts): number {
  return passed + failed + missed + skipped
}

/** Returns the times of runs without faults: `186.6 to 560.1 ms`. */
export function timesText(times: readonly number[]): string {
  const [first, last] = [Math.min(...times), Math.max(...times)].map(ms => ms.toFixed(1))
  return first === last ? `${first} ms` : `${first} to ${last} ms`
}

export const IN_WORLD: Readonly<Record<WorldName, string>> = {
  kernel: '',
  memory: 'in memory',
  guest: 'in a guest',
}

/** Returns in which world a failure was found; '' for the kernel. */
export function worldNote({ world, kernel }: Pick<Failure, 'world' | 'kernel'>): string {
  if (world !== 'memory') return IN_WORLD[world]
  if (kernel === 'failed') return 'in memory, and in the kernel too'
  if (kernel === 'passed') return 'in memory; one run in the kernel did not fail'
  return kernel === 'missed' ? 'in memory; in the kernel there is no such packet' : 'in memory'
}

/** Returns what follows the wires of a failure. */
export function wireNote({ wireFailed, stopped }: Failure): string {
  if (wireFailed) return ''
  return stopped ? ' (not tried)' : ' (a run with this passed)'
}

/** A fault of a link or of one host, or a repair. */
export interface RunSpan {
  /** Undefined for a fault of a link and for a repair. */
  readonly host?: string | undefined
  readonly link: string
  /** The index of its packet, before which it happens. */
  readonly packet: number
  /** The packet as tcpdump prints it. */
  readonly hit: string
  /** Milliseconds since the lab was made; undefined if it lasts until the run ends. */
  readonly from: number
  readonly to?: number | undefined
  /** `server stops`, `server continues`; a repair and a forgotten connection have no end. */
  readonly starts: string
  readonly ends?: string | undefined
}

/** A packet of a failed run, as the diagram of the run shows it. */
export interface RunPacket {
  readonly link: string
  readonly direction: Direction
  readonly flow: string
  /** Milliseconds since the lab was made. */
  readonly at: number
  /** `seq 1`, `packet 2 copy 2` */
  readonly label: string
  /** Whether a fault of a link or host has lost it. */
  readonly lost: boolean
  /** As tcpdump prints it, if another fault has hit it. */
  readonly hit?: string | undefined
}

/** The part of a failed run around its faults, for the diagram of a failure. */
export interface FailedRun {
  /** The packets around the faults. */
  readonly packets: readonly RunPacket[]
  /** How many packets before and after them were left out. */
  readonly before: number
  readonly after: number
  readonly spans: readonly RunSpan[]
  /** In their order. */
  readonly operations: readonly OperationMoment[]
}
