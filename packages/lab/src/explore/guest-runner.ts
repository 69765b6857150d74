/**
 * GuestRunner: runs a module in guests, in virtual time. A run with faults may be a branch: another
 * guest, the trunk, runs up to the first of the packets, and copies of it continue with the faults.
 */
import { Buffer } from 'node:buffer'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deserialize } from 'node:v8'
import {
  addProgram,
  type GuestOptions,
  GuestRun,
  type GuestStop,
  LastOutput,
  MachineEnded,
  type Prepared,
  prepareGuest,
  replyText,
  takeOutput,
} from '@vnet/guest/kit'
import { attempt } from 'vnet'
import { writeFile } from 'vnet/kit/linux'
import { PACKET_STOP, type PlanReply } from '../carrier/fault-plan.ts'
import { builtModule } from '../model/built-module.ts'
import type { GuestReply } from './guest-main.ts'
import { type ExploredPacket, packetOf, packetsOf } from './points.ts'
import { OUTPUT_MAX, TIMED_OUT } from './result.ts'
import type { RunResult, RunSpec } from './run-once.ts'
import { brokenRun, type Runner } from './runners.ts'

/** Real milliseconds of a run, beside REAL_FACTOR times its timeout: busy programs are slow. */
const PATIENCE_MS = 60_000
const REAL_FACTOR = 15
/** Milliseconds by which a branch may have a longer timeout than the first branch of its trunk. */
const SLACK_MS = 10_000

type Guest = Pick<GuestRun, 'next' | 'reply' | 'stopped' | 'close'>

/** What makes guests. */
export interface GuestMachines {
  prepare(command: readonly string[], options: GuestOptions): Promise<Prepared>
  start(...args: ConstructorParameters<typeof GuestRun>): Guest
}

const QEMU: GuestMachines = { prepare: prepareGuest, start: (...args) => new GuestRun(...args) }

/** A guest that has stopped before a packet. */
interface Trunk {
  readonly run: Guest
  readonly prepared: Prepared
  readonly timeout: number
  readonly output: LastOutput
  /** The index of the packet in the clean run. */
  place: number
}

export class GuestRunner implements Runner {
  readonly concurrency: number
  readonly copies = true
  readonly #url: string
  readonly #machines: GuestMachines
  readonly #closing = new AbortController()
  /** Programs that the image lacked. */
  readonly #added = new Set<string>()
  #preparing: Promise<Prepared> | undefined
  #trunk: Trunk | undefined
  /** Settles when the trunk is where the last branch starts. */
  #turn: Promise<unknown> = Promise.resolve()
  /** The branches of the trunk that read its memory. */
  readonly #branches = new Set<Promise<unknown>>()
  #clean: readonly ExploredPacket[] = []

  constructor(url: string, concurrency: number, machines = QEMU) {
    this.#url = url
    this.#machines = machines
    this.concurrency = concurrency
  }

  async run(spec: RunSpec): Promise<RunResult> {
    for (;;) {
      this.#closing.signal.throwIfAborted()
      this.#preparing ??= this.#prepare()
      const preparing = this.#preparing
      try {
        const prepared = await preparing
        const result = spec.mayBranch
          ? await this.#branch(prepared, spec)
          : await this.#whole(prepared, spec)
        if (spec.plan.length === 0) {
          this.#clean = packetsOf(result)
        }
        return result
      } catch (error) {
        // Another run may have found the same one.
        if (this.#preparing !== preparing) continue
        addProgram(error, this.#added, { onMessage })
        this.#preparing = undefined
      }
    }
  }

  close(): void {
    this.#closing.abort(new Error('the exploration has ended'))
    void this.#endTrunk()
  }

  async #prepare(): Promise<Prepared> {
    const output = new LastOutput(OUTPUT_MAX)
    const main = fileURLToPath(builtModule('./guest-main.ts', import.meta.url))
    const prepared = await this.#machines.prepare([process.execPath, main, this.#url], {
      reply: () => '',
      onOutput: output.take,
      onMessage,
      signal: this.#closing.signal,
    })
    if (prepared.end !== undefined) {
      throw new Error(`the scenario does not load in the guest: ${output.bytes}`)
    }
    return prepared
  }

  /** Runs all of it, without a stop. */
  #whole({ snapshot, images }: Prepared, spec: RunSpec): Promise<RunResult> {
    const run = this.#machines.start(snapshot, images, replyText(JSON.stringify(spec), spec.seed))
    return this.#toEnd(run, new LastOutput(OUTPUT_MAX), spec)
  }

  async #branch(prepared: Prepared, spec: RunSpec): Promise<RunResult> {
    const starting = this.#turn.then(() => this.#startBranch(prepared, spec))
    this.#turn = starting.catch(() => {})
    const { ended } = await starting
    return await ended
  }

  /** The promise is wrapped, so that the next branch does not wait for its end. */
  async #startBranch(
    prepared: Prepared,
    spec: RunSpec,
  ): Promise<{ readonly ended: Promise<RunResult> }> {
    const place = this.#placeOf(spec)
    if (!this.#isAt(place, prepared, spec)) {
      await Promise.allSettled(this.#branches)
      const result = await this.#moveTo(place, prepared, spec)
      if (result !== undefined) return { ended: Promise.resolve(result) }
    }
    const { run, output } = this.#trunk as Trunk
    const reply = replyText(JSON.stringify({ plan: spec.plan, stops: false } satisfies PlanReply))
    const branch = this.#machines.start(run.stopped, prepared.images, reply)
    const ended = this.#toEnd(branch, new LastOutput(OUTPUT_MAX, output.bytes), spec)
    this.#branches.add(ended)
    const end = () => this.#branches.delete(ended)
    ended.then(end, end)
    return { ended }
  }

  /** Returns the index of the first packet of the plan in the clean run; NaN if it has none. */
  #placeOf({ plan }: RunSpec): number {
    const places = plan.map(fault =>
      this.#clean.indexOf(packetOf(fault, this.#clean) as ExploredPacket),
    )
    return Math.min(...places.map(place => (place < 0 ? Number.NaN : place)))
  }

  #isAt(place: number, prepared: Prepared, { timeout }: RunSpec): boolean {
    const trunk = this.#trunk
    return trunk?.place === place && trunk.prepared === prepared && timeout <= trunk.timeout
  }

  /** Brings the trunk to the first packet of a plan. Returns its result if it ends before. */
  async #moveTo(place: number, prepared: Prepared, spec: RunSpec): Promise<RunResult | undefined> {
    const { plan } = spec
    let trunk = this.#trunk
    if (trunk !== undefined && trunk.place < place && this.#isAt(trunk.place, prepared, spec)) {
      trunk.run.reply(replyText(JSON.stringify({ plan, stops: true } satisfies PlanReply)))
      trunk.place = place
    } else {
      await this.#endTrunk()
      const timeout = spec.timeout + SLACK_MS
      const first = replyText(
        JSON.stringify({ ...spec, timeout, stops: true } satisfies RunSpec),
        spec.seed,
      )
      const run = this.#machines.start(prepared.snapshot, prepared.images, first, true)
      trunk = { run, prepared, timeout, output: new LastOutput(OUTPUT_MAX), place }
      this.#trunk = trunk
    }
    const { run, output } = trunk
    const patience = this.#signalFor(trunk.timeout)
    let isThere = false
    try {
      const stop = await run.next(record => takeOutput(record, output.take), patience)
      isThere = stop.why === PACKET_STOP
      return isThere ? undefined : this.#resultOf(stop, output, spec)
    } catch (error) {
      return this.#brokenBy(error, output, patience)
    } finally {
      if (!isThere) {
        await this.#endTrunk()
      }
    }
  }

  async #endTrunk(): Promise<void> {
    const trunk = this.#trunk
    this.#trunk = undefined
    await trunk?.run.close()
  }

  async #toEnd(run: Guest, output: LastOutput, spec: RunSpec): Promise<RunResult> {
    const patience = this.#signalFor(spec.timeout)
    try {
      return this.#resultOf(
        await run.next(record => takeOutput(record, output.take), patience),
        output,
        spec,
      )
    } catch (error) {
      return this.#brokenBy(error, output, patience)
    } finally {
      await run.close()
    }
  }

  /** Makes a result of the error of a guest that ended or was late, and throws another one. */
  #brokenBy(error: unknown, output: LastOutput, patience: AbortSignal): RunResult {
    if (this.#closing.signal.aborted) throw error
    if (error instanceof MachineEnded) {
      return brokenRun(`the guest has ended: ${error.message}`, `${output.bytes}`)
    }
    if (error !== patience.reason) throw error
    return brokenRun(
      'it takes too long: a program in the guest, or this machine, is busy all the time',
      `${output.bytes}`,
    )
  }

  #signalFor(timeout: number): AbortSignal {
    return AbortSignal.any([
      this.#closing.signal,
      AbortSignal.timeout(PATIENCE_MS + Math.round(REAL_FACTOR * timeout)),
    ])
  }

  #resultOf(
    { why = '', end }: GuestStop,
    output: LastOutput,
    { captures, timeout }: RunSpec,
  ): RunResult {
    if (end !== undefined) {
      return brokenRun(
        `the process of the run has ended by itself: ${end.signal ?? `status ${end.status}`}`,
        `${output.bytes}`,
      )
    }
    const reply: unknown = attempt(() => deserialize(Buffer.from(why, 'base64')))
    if (!isReply(reply)) {
      return brokenRun('a program in the guest has stopped it', `${output.bytes}`)
    }
    if (captures !== undefined) {
      for (const [name, content] of reply.captures) {
        writeFile(join(captures, basename(name)), content)
      }
    }
    const { ms, error } = reply.result
    const late =
      ms > timeout && !error?.startsWith(TIMED_OUT)
        ? `${TIMED_OUT} after ${Math.round(timeout)} ms`
        : error
    const rejected = late === error && reply.result.rejected
    return { ...reply.result, error: late, rejected, output: output.bytes.toString() }
  }
}

const onMessage = (line: string) => console.error(`vnet: ${line}`)

/** Whether a stop is the end of guest-main.ts: other programs in the guest can stop it, too. */
function isReply(value: unknown): value is GuestReply {
  const { result, captures } = (value ?? {}) as Partial<GuestReply>
  return result?.links instanceof Map && Array.isArray(captures)
}
