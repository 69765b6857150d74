/**
 * MemoryWorld: the world of a lab in memory. Its time is virtual; the network stacks of the hosts
 * and the links between them are in the thread of the test.
 */
import type dgram from 'node:dgram'
import { rmSync } from 'node:fs'
import { type Alarm, NSEC_PER_SEC, SkBuffPool } from 'vnet'
import { pairSeed, traceOf } from 'vnet/kit/base'
import { makeTemporaryDirectory } from 'vnet/kit/linux'
import { LOGLEVEL_WARNING, Log, Net, type Platform, type PortSpec, random } from 'vnet/net'
import { Calls, type LinkCaller, run, type WorkerCalls } from '../carrier/lab-calls.ts'
import type { FaultListener } from '../carrier/protocol.ts'
import { bindUdp } from '../world/code.ts'
import type { HostParts } from '../world/host-stack.ts'
import { type LabWorld, thrownAt } from '../world/world.ts'
import { HostPort } from './host-port.ts'
import { MemoryStack } from './memory-stack.ts'
import { EPOCH, VirtualTime } from './time/virtual-time.ts'

/** Calls that may load modules or open files, during which time stands still, as during faults. */
const LOADING: readonly (keyof WorkerCalls)[] = [
  ...(['cable', 'lan', 'capture', 'endCapture', 'loadStages', 'filters'] as const),
  ...(['cut', 'mend', 'drain', 'rebindAtFault', 'thaw', 'connectionFault'] as const),
]

/** Where a Net takes its frames from. */
const POOL = Symbol.for('vnet.memoryPool')

export class MemoryWorld implements Platform, LabWorld {
  readonly name = 'memory'
  readonly caller = this
  readonly time = new VirtualTime()
  readonly #seed: number
  readonly #calls: Calls
  readonly #stacks: MemoryStack[] = []
  readonly #due: Alarm
  /** Functions that run at this moment, after the current entry of the timeline. */
  #soon: (() => void)[] = []
  #ports = 0
  #onFault: FaultListener | undefined
  #directory: string | undefined

  constructor(seed: number) {
    this.#seed = seed
    const { clock } = this.time
    this.#due = clock.alarm(() => this.#runDue())
    const log = new Log(LOGLEVEL_WARNING, (_, line) => console.error(`vnet: ${line}`))
    const net = new Net({
      platform: this,
      clock,
      log,
      pool: framePool(),
      random: random(pairSeed(seed, 0)),
    })
    this.#calls = new Calls(net, {
      hasKernel: false,
      settle: async () => {},
      onFault: (_, event) => this.#onFault?.(event),
      bindUdp: (host, socket: dgram.Socket, port) =>
        bindUdp((this.#stacks[host] as MemoryStack).code, socket, port, undefined),
      writesInThread: true,
      wallTime: () => ({
        seconds: EPOCH / 1000 + Math.floor(clock.now() / NSEC_PER_SEC),
        nanoseconds: clock.now() % NSEC_PER_SEC,
      }),
    })
  }

  makeHost(parts: HostParts): MemoryStack {
    const number = this.#stacks.length
    const stack = new MemoryStack(
      number,
      this.time.clock,
      random(pairSeed(this.#seed, number + 1)),
      parts,
    )
    this.#stacks.push(stack)
    return stack
  }

  readonly call: LinkCaller['call'] = async (call, ...args) => {
    const from = traceOf(this.call)
    const isLoading = LOADING.includes(call)
    // Packets that were sent before this call come before it.
    if (!isLoading && !this.time.isClosed) {
      await this.#untilRung()
    }
    const release = isLoading ? this.time.hold() : undefined
    // What hosts have sent enters the links, although time stands still.
    while (call === 'drain' && this.#soon.length > 0) {
      this.#runDue()
    }
    try {
      return (await run(this.#calls, call, args)) as never
    } catch (error) {
      throw error instanceof Error ? thrownAt(from, error) : error
    } finally {
      release?.()
    }
  }

  /** Same as LabWorker.onFault. */
  onFault(_: string, listener: FaultListener | undefined): void {
    this.#onFault = listener
  }

  get directory(): string {
    this.#directory ??= makeTemporaryDirectory('vnet-lab-memory-')
    return this.#directory
  }

  close(): void {
    if (this.#directory !== undefined) {
      rmSync(this.#directory, { recursive: true, force: true })
    }
    this.time.close()
  }

  allocName(pattern: string): string {
    return pattern
  }

  async open(spec: PortSpec): Promise<HostPort> {
    const host = Number(/^memory\/(\d+)$/.exec(spec.netns ?? '')?.[1])
    return new HostPort(this.#stacks[host] as MemoryStack, ++this.#ports, spec, fn =>
      this.#runSoon(fn),
    )
  }

  /** Settles when all that is due at this moment has happened. */
  #untilRung(): Promise<void> {
    const { clock } = this.time
    return new Promise(resolve => clock.alarm(resolve).at(clock.now()))
  }

  #runSoon(fn: () => void): void {
    this.#soon.push(fn)
    if (this.#soon.length === 1) {
      this.#due.at(this.time.clock.now())
    }
  }

  #runDue(): void {
    const due = this.#soon
    this.#soon = []
    for (const fn of due) {
      fn()
    }
  }
}

/** Returns the frame memory of this thread, which all its worlds share. */
function framePool(): SkBuffPool {
  const thread = globalThis as { [POOL]?: SkBuffPool }
  thread[POOL] ??= new SkBuffPool()
  return thread[POOL]
}
