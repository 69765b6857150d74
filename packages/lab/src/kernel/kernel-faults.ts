/**
 * KernelFaults: the faults of a host in the kernel. Its programs run below its init. Its errors do
 * not say which fault failed: the caller does.
 */
import { UsageError } from 'vnet'
import { parseSize } from 'vnet/kit/wire'
import { isSameEnd } from '../carrier/ends.ts'
import type { Endpoint, SocketPlace } from '../model/index.ts'
import type { HostFaults } from '../world/host-faults.ts'
import type { HostParts } from '../world/host-stack.ts'
import { HostInit } from './host-init.ts'
import { destroyConnections } from './sock-diag.ts'

/** The parts of a host that its faults change. */
export interface FaultyHost extends HostParts {
  readonly place: SocketPlace
  /** Whether a program was ever started. */
  readonly hasStarted: () => boolean
}

export class KernelFaults implements HostFaults {
  readonly #host: FaultyHost
  #init: HostInit | undefined
  #diskSize = '64MiB'
  #hasDisk = (_command: string): boolean => false
  #isOff = false

  constructor(host: FaultyHost) {
    this.#host = host
  }

  /**
   * Returns the init below which a program runs; undefined if neither the faults nor the disk of
   * the host need one. Throws a UsageError while the host is crashed, or if the program needs the
   * disk and it can no longer be made.
   */
  initFor(command: string): HostInit | undefined {
    if (this.#isOff) {
      throw new UsageError(`host ${this.#host.name} has crashed: programs start after a restart`)
    }
    if (this.#hasDisk(command)) {
      this.disk()
    }
    // The connections that are forgotten are of the kernel.
    return (this.#host.verbs ?? []).every(verb => verb === 'forget') ? this.#init : this.#made()
  }

  /**
   * Makes the disk if necessary, and returns its path for this process. Throws a UsageError if a
   * program has started that does not see the disk, or if the disk has another size.
   */
  disk(size = this.#diskSize): string {
    const { name, hasStarted } = this.#host
    if (this.#init === undefined && hasStarted()) {
      const advice = 'call disk() before it starts, or give the lab file `disk: 64MiB`'
      throw new UsageError(`host ${name}: a program without the disk runs: ${advice}`)
    }
    if (this.#init !== undefined && parseSize(size) !== parseSize(this.#diskSize)) {
      throw new UsageError(
        `host ${name}: the disk has ${this.#diskSize}: give its size at the first call`,
      )
    }
    this.#diskSize = size
    const { pid, disk } = this.#made()
    return `/proc/${pid}/root${disk}`
  }

  giveDisk(isFor: (command: string) => boolean, size = this.#diskSize): void {
    this.#hasDisk = isFor
    this.#diskSize = size
  }

  pause(): void {
    this.#reached()?.request('stop')
  }

  resume(): void {
    this.#init?.request('continue')
  }

  crash(): void {
    const init = this.#reached()
    this.#isOff = true
    this.#host.onCrash()
    if (init === undefined) return
    init.request('kill')
    // Otherwise the kernel repeats their last bytes, also after a restart. Some kernels cannot.
    const { native, nsfd } = this.#host.place
    destroyConnections(native, nsfd)
  }

  restart(): void {
    this.#isOff = false
  }

  /** Does nothing if the connection has ended. */
  forget(local: Endpoint, remote: Endpoint): void {
    const { native, nsfd } = this.#host.place
    const isMeant = (own: Endpoint, other: Endpoint) =>
      isSameEnd(own, local) && isSameEnd(other, remote)
    if (destroyConnections(native, nsfd, isMeant)) return
    throw new UsageError('this kernel has no CONFIG_INET_DIAG_DESTROY: explore in memory')
  }

  setClock(offset: number): void {
    if (offset === 0) {
      this.#init?.clock?.set(0)
      return
    }
    this.#reached()
    // Programs that start later have this clock, too.
    const { clock } = this.#made()
    if (clock === undefined) throw this.#notPrepared()
    clock.set(offset)
  }

  setFull(isFull: boolean): void {
    if (isFull) {
      this.#reached()?.request('fill')
    } else {
      this.#init?.request('free')
    }
  }

  /**
   * Returns the init of the host; undefined if nothing runs. Throws a UsageError if a program of
   * the host runs where the fault does not reach it: in this process, or without an init.
   */
  #reached(): HostInit | undefined {
    const { name, hasStarted, hasOwnSockets } = this.#host
    if (hasOwnSockets()) {
      const advice = 'start it with spawn, or explore in memory'
      throw new UsageError(`the program of host ${name} runs in this process: ${advice}`)
    }
    if (this.#init === undefined && hasStarted()) throw this.#notPrepared()
    return this.#init
  }

  #notPrepared(): UsageError {
    return new UsageError(
      `the lab was made without this fault, so that host ${this.#host.name} cannot have it`,
    )
  }

  #made(): HostInit {
    const { place, etc } = this.#host
    const diskBytes = parseSize(this.#diskSize)
    this.#init ??= new HostInit({
      ...place,
      etc: etc(),
      hasClock: this.#host.verbs?.includes('clock') === true,
      diskBytes,
    })
    return this.#init
  }

  endInit(): void {
    this.#init?.end()
  }

  /** Kills the programs. Settles when the init has ended. */
  async close(): Promise<void> {
    await this.#init?.close()
  }
}
