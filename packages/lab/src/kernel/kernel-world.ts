/** KernelWorld: the world of labs in network namespaces, in the time of the kernel. */
import { rmSync } from 'node:fs'
// Imported because a test may replace the clock and the timers of globalThis.
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { NSEC_PER_MSEC } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import { loadNative, type Native } from 'vnet/kit/linux'
import type { LinkCaller } from '../carrier/lab-calls.ts'
import { kernelLabError } from '../model/rights.ts'
import type { HostParts, RunningPrograms } from '../world/host-stack.ts'
import type { LabWorld, WorldName, WorldTime } from '../world/world.ts'
import { overflowLine, tableFulls } from './counters.ts'
import { KernelStack } from './kernel-stack.ts'
import { makeLabDirectory, removeLeftovers } from './leftovers.ts'
import { killProcesses } from './processes.ts'

/** Returns the time of a world that cannot stop it. It counts from this call. */
export function realTime(): WorldTime {
  const began = performance.now()
  return {
    get now() {
      return performance.now() - began
    },
    isIdle: false,
    awaited: [],
    hold: () => () => {},
    async sleep(duration, signal) {
      await setTimeout(durationOf(duration) / NSEC_PER_MSEC, undefined, { signal }).catch(() => {})
    },
    cancelTimers() {},
  }
}

/** Carries the frames of the world. The last call is `release`. */
export interface Carrier extends LinkCaller {
  release(): void
}

export class KernelWorld implements LabWorld {
  readonly name: WorldName
  readonly caller: Carrier
  readonly time = realTime()
  readonly directory = makeLabDirectory()
  readonly #native: Native
  /** How often the kernel's neighbour tables were full before. */
  readonly #tableFulls = tableFulls()

  private constructor(native: Native, carrier: Carrier, name: WorldName) {
    this.name = name
    this.#native = native
    this.caller = carrier
  }

  /** Rejects with a LabUnavailableError if this process can make no labs. */
  static async open(carrier: Carrier, name: WorldName = 'kernel'): Promise<KernelWorld> {
    const error = await kernelLabError()
    if (error !== undefined) throw error
    const native = loadNative()
    removeLeftovers()
    return new KernelWorld(native, carrier, name)
  }

  makeHost(parts: HostParts): KernelStack {
    return new KernelStack(this.#native, parts)
  }

  killPrograms(of: readonly RunningPrograms[]): void {
    const { directory } = this
    killProcesses({
      namespaces: of.map(({ nsfd }) => nsfd),
      directory,
      children: of.flatMap(({ pids }) => pids),
    })
  }

  losses(): readonly string[] {
    return overflowLine(tableFulls() - this.#tableFulls)
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true })
    this.caller.release()
  }
}
