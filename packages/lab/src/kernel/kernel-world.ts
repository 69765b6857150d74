/** KernelWorld: the world of labs in network namespaces, in the time of the kernel. */
import { rmSync } from 'node:fs'
// Imported because a test may replace the clock and the timers of globalThis.
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { durationOf } from 'vnet/internal/base/duration'
import { loadNative, type Native } from 'vnet/internal/linux/native'
import { LabUnavailableError, whyNoKernelLab } from '../model/rights.ts'
import type { HostParts, RunningPrograms } from '../world/host-stack.ts'
import type { LabWorld, WorldName } from '../world/world.ts'
import { overflowLine, tableFulls } from './counters.ts'
import type { KernelFaults } from './kernel-faults.ts'
import { KernelStack } from './kernel-stack.ts'
import type { LabWorker } from './lab-worker.ts'
import { makeLabDirectory, removeLeftovers } from './leftovers.ts'
import { killProcesses } from './processes.ts'

export class KernelWorld implements LabWorld {
  readonly name: WorldName
  readonly caller: LabWorker
  readonly directory = makeLabDirectory()
  readonly #native: Native
  /** Undefined if its hosts have no faults. */
  readonly #Faults: typeof KernelFaults | undefined
  readonly #began = performance.now()
  /** How often the kernel's neighbour tables were full before. */
  readonly #tableFulls = tableFulls()

  private constructor(native: Native, worker: LabWorker, name: WorldName, Faults: typeof KernelFaults | undefined) {
    this.name = name
    this.#native = native
    this.#Faults = Faults
    this.caller = worker
  }

  /** Rejects with a LabUnavailableError if this process can make no labs. */
  static async open(worker: LabWorker, name: WorldName = 'kernel', hasFaults = false): Promise<KernelWorld> {
    const why = await whyNoKernelLab()
    if (why !== undefined) throw new LabUnavailableError(why)
    const native = loadNative()
    removeLeftovers()
    // Loaded only here, because few labs need it.
    const { KernelFaults } = hasFaults ? await import('./kernel-faults.ts') : {}
    return new KernelWorld(native, worker, name, KernelFaults)
  }

  get now(): number {
    return performance.now() - this.#began
  }

  get awaited(): readonly string[] {
    return []
  }

  get isIdle(): boolean {
    return false
  }

  hold(): () => void {
    return () => {}
  }

  async sleep(duration: number | string, signal?: AbortSignal): Promise<void> {
    await setTimeout(durationOf(duration) / NSEC_PER_MSEC, undefined, { signal }).catch(() => {})
  }

  makeHost(parts: HostParts): KernelStack {
    return new KernelStack(this.#native, parts, this.#Faults)
  }

  killPrograms(of: readonly RunningPrograms[]): void {
    const { directory } = this
    killProcesses({ namespaces: of.map(({ nsfd }) => nsfd), directory, children: of.flatMap(({ pids }) => pids) })
  }

  losses(): readonly string[] {
    return overflowLine(tableFulls() - this.#tableFulls)
  }

  cancelTimers(): void {}

  close(): void {
    rmSync(this.directory, { recursive: true, force: true })
    this.caller.release()
  }
}
