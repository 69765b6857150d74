/**
 * Stops of a lab in a guest (packages/guest/docs/virtual-time.md): reads what --stop-at names, and
 * is the lab's side of a stop. The reply to a stop may have a command; when the command has ended,
 * the lab stops again.
 */
import { stopMachine } from '@vnet/guest/kit'
import { NSEC_PER_MSEC, UsageError } from 'vnet'
import { describeException, durationOf } from 'vnet/kit/base'
import { statusOf } from 'vnet/kit/cli'
import { compileFilter } from 'vnet/kit/net'
import type { Direction } from 'vnet/wire'
import type { FileLab } from '../file/file-lab.ts'
import type { LabPlan } from '../file/read.ts'
import { namesFor } from '../model/options.ts'
import type { LabFault } from '../network/fault.ts'

/** A time since the start of the command, or a packet of a link. */
export type Stop = { readonly text: string } & (
  | { readonly ms: number }
  | {
      readonly link: string
      readonly direction: Direction
      readonly filter?: string
      readonly nth: number
    }
)

/** The reply to a stop. Without a command, the lab continues, with `step` to its next packet. */
export interface StopReply {
  readonly step?: boolean
  readonly host?: string
  readonly line?: string
  /** The machine is a copy, which ends with a LookResult. */
  readonly looks?: boolean
}

/** The end of a command that looked at a copy of the guest, and the end of its output. */
export type LookResult = Readonly<{ status: number; stdout: string; stderr: string }>

const PACKET = /^(\S+) (ab|ba)(?: (?!nth \d+$)(.+?))?(?: nth ([1-9]\d*))?$/
/** The most characters of each output of a look: as JSON, they fit into a record of an outbox. */
const LOOK_MAX = 1 << 16
/** The longest time of a timer of Node. */
const TIME_MAX_MS = 2 ** 31 - 1

/** Reads a value of --stop-at. Throws a UsageError. */
export function readStop(text: string, links: LabPlan['links']): Stop {
  try {
    return stopOf(text, links)
  } catch (error) {
    throw error instanceof UsageError
      ? new UsageError(`--stop-at ${text}: ${error.message}`)
      : error
  }
}

function stopOf(text: string, links: LabPlan['links']): Stop {
  const [, link, direction, filter, nth = '1'] = PACKET.exec(text.trim()) ?? []
  if (link === undefined) return { text, ms: timeOf(text) }
  if (!links.has(link)) {
    throw new UsageError(`the lab has no link ${link}; it has ${namesFor(link, [...links.keys()])}`)
  }
  const bare = filter?.replace(/^(["'])(.*)\1$/, '$2')
  if (bare !== undefined) {
    compileFilter(bare)
  }
  const given = { text, link, direction: direction as Direction, nth: Number(nth) }
  return bare === undefined ? given : { ...given, filter: bare }
}

function timeOf(text: string): number {
  const forms = "a time, such as 90s, or a packet, such as 'client-server ab nth 17'"
  if (!/^[\d.]/.test(text)) throw new UsageError(`expected ${forms}`)
  const ms = durationOf(text) / NSEC_PER_MSEC
  if (ms <= TIME_MAX_MS) return ms
  throw new UsageError('at most 24 days')
}

type Counter = Readonly<{ name: string; packets: LabFault }>

export interface StopsOptions {
  /** Runs a command in a host, and adds its output to the output of the run. */
  readonly run: (host: string, command: readonly string[]) => Promise<number>
  readonly log: (line: string) => void
  /** When the run started, in ms of performance.now(). */
  readonly began: number
}

/** Stops its machine for a lab. Disposal ends that. */
export class Stops implements Disposable {
  readonly #running: FileLab
  readonly #options: StopsOptions
  /** A counter for each link and direction. */
  readonly #counters: readonly Counter[]
  readonly #timers: NodeJS.Timeout[] = []
  /** Counts stops: a step ends with the next one. */
  #count = 0
  #looks = false

  private constructor(running: FileLab, counters: readonly Counter[], options: StopsOptions) {
    this.#running = running
    this.#counters = counters
    this.#options = options
  }

  /** Settles when the packets of links are counted. If that fails, rejects and leaves no timer. */
  static async start(
    stops: readonly Stop[],
    running: FileLab,
    options: StopsOptions,
  ): Promise<Stops> {
    const counters: Counter[] = []
    for (const link of stops.length === 0 ? [] : running.links) {
      for (const direction of ['ab', 'ba'] as const) {
        counters.push({
          name: `${link} ${direction}`,
          packets: await running.link(link).count(direction),
        })
      }
    }
    const started = new Stops(running, counters, options)
    try {
      for (const stop of stops) {
        await started.#add(stop)
      }
      return started
    } catch (error) {
      started[Symbol.dispose]()
      throw error
    }
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) {
      clearTimeout(timer)
    }
  }

  async #add(stop: Stop): Promise<void> {
    if ('ms' in stop) {
      const { began } = this.#options
      this.#timers.push(
        setTimeout(() => this.#stop(stop.text), began + stop.ms - performance.now()),
      )
      return
    }
    const { text, link, direction, filter, nth } = stop
    const packets = await this.#running.link(link).count(direction, filter)
    // It rejects if the run ends before.
    packets.hit(nth).then(
      () => this.#stop(text),
      () => {},
    )
  }

  #stop(why: string): void {
    if (this.#looks) return
    this.#serve(why).catch((error: unknown) =>
      this.#options.log(`vnet: ${describeException(error)}`),
    )
  }

  /** Stops, and carries out the replies until one continues. */
  async #serve(why: string): Promise<void> {
    this.#count++
    for (let reason = why; ; ) {
      const { step, host, line, looks }: StopReply = JSON.parse(stopMachine(reason).toString())
      if (step) {
        this.#step()
      }
      if (line === undefined || host === undefined) return
      if (looks) {
        stopMachine(JSON.stringify(await this.#look(host, line)))
      }
      reason = `the end of the command, with status ${await this.#options.run(host, ['sh', '-c', line])}`
    }
  }

  async #look(host: string, line: string): Promise<LookResult> {
    this.#looks = true
    const env = { ...process.env, ...this.#running.env }
    const { status, signal, stdout, stderr } = await this.#running
      .host(host)
      .exec('sh', ['-c', line], { env })
    return {
      status: statusOf(status, signal),
      stdout: stdout.slice(-LOOK_MAX),
      stderr: stderr.slice(-LOOK_MAX),
    }
  }

  /** Stops at the next packet, unless another stop comes first. */
  #step(): void {
    const count = this.#count
    for (const { name, packets } of this.#counters) {
      packets.hit(packets.hits + 1).then(
        () => count === this.#count && this.#stop(`${name} nth ${packets.hits}`),
        () => {},
      )
    }
  }
}
