/**
 * TapWorld: the world of a host in TypeScript on a TAP, like a lab in memory, but in real time.
 * Only the first host has a network stack here. Other hosts stand for the machine: their ends of
 * links are TAPs.
 */
import { randomBytes } from 'node:crypto'
import { EEXIST, NETDEV_UNREGISTER, VnetError } from 'vnet'
import { inNextTurn } from 'vnet/kit/base'
import { loadNative } from 'vnet/kit/linux'
import {
  LinuxPlatform,
  LOGLEVEL_WARNING,
  Log,
  Net,
  type Platform,
  type Port,
  type PortSpec,
  random,
  TimerfdClock,
} from 'vnet/net'
import { Calls, run, type WorkerCalls } from '../carrier/lab-calls.ts'
import { HostPort } from '../memory/host-port.ts'
import { MemoryStack } from '../memory/memory-stack.ts'
import { bindUdp } from '../world/code.ts'
import type { HostParts } from '../world/host-stack.ts'
import type { LabWorld } from '../world/world.ts'
import { realTime } from './kernel-world.ts'

/** The connections of others to the host; a connection holds up to some hundred KiB. */
const LIMITS = { acceptedMax: 4096, acceptedOfPeerMax: 512 }

export class TapWorld implements Platform, LabWorld {
  readonly name = 'memory'
  readonly caller = this
  readonly time = realTime()
  /** It has no files, and no faults of hosts. */
  readonly directory = ''
  readonly onFault = (): void => {}
  /** Settles when a TAP is deleted, also by `close`. */
  readonly gone: Promise<void>
  readonly #netns: string | undefined
  readonly #native = loadNative()
  readonly #clock = new TimerfdClock(this.#native)
  readonly #linux: LinuxPlatform
  readonly #calls: Calls
  readonly #stacks: MemoryStack[] = []

  /** The TAPs are in `netns`, or in the program's own namespace. */
  constructor(netns?: string) {
    this.#netns = netns
    const log = new Log(LOGLEVEL_WARNING, (_, line) => console.error(`vnet: ${line}`))
    try {
      this.#linux = new LinuxPlatform(this.#native, text => log.warn(text))
    } catch (error) {
      this.#clock.close()
      throw error
    }
    const net = new Net({ platform: this, clock: this.#clock, log })
    this.gone = new Promise(resolve => {
      net.registerNetdeviceNotifier(event => {
        if (event === NETDEV_UNREGISTER) {
          resolve()
        }
      })
    })
    this.#calls = new Calls(net, {
      hasKernel: false,
      settle: ports => this.#linux.settle(ports),
      bindUdp: (host, socket, port) =>
        bindUdp((this.#stacks[host] as MemoryStack).code, socket, port, undefined),
    })
  }

  makeHost(parts: HostParts): MemoryStack {
    const seed = randomBytes(4).readUInt32LE()
    const stack = new MemoryStack(this.#stacks.length, this.#clock, random(seed), parts, LIMITS)
    this.#stacks.push(stack)
    return stack
  }

  /** Same as LabWorker.call. */
  async call<Name extends keyof WorkerCalls>(
    call: Name,
    ...args: Parameters<WorkerCalls[Name]>
  ): Promise<Awaited<ReturnType<WorkerCalls[Name]>>> {
    return (await run(this.#calls, call, args)) as Awaited<ReturnType<WorkerCalls[Name]>>
  }

  allocName(pattern: string): string {
    return this.#linux.allocName(pattern, this.#netns)
  }

  /** Throws a VnetError if a route of the machine leads to the network of one of the addresses. */
  refuseConflicts(name: string, addresses: readonly string[]): void {
    for (const address of addresses) {
      const conflict = this.#linux.conflict(address, this.#netns, name)
      if (conflict !== undefined) {
        throw new VnetError(EEXIST, `address ${address}`, `${conflict}; choose another`)
      }
    }
  }

  /** The kernel cuts its frames and completes their checksums itself: hosts have no offloads. */
  async open(spec: PortSpec): Promise<Port> {
    if (spec.netns !== 'memory/0') {
      return await this.#linux.open({ ...spec, netns: this.#netns, features: 0 })
    }
    return new HostPort(this.#stacks[0] as MemoryStack, 1, spec, inNextTurn)
  }

  async close(): Promise<void> {
    this.#clock.close()
    await this.#linux.close()
  }
}
