/**
 * MemoryFaults: the faults of a host in memory. They reach the code of the host's boot: programs of
 * host.start, and code that its sockets call. Code that neither has called, such as the body of a
 * test, keeps its timers and its clock; its sockets belong to the host like others.
 */
import { UsageError } from 'vnet/internal/base/usage-error'
import type { Endpoint } from '../model/verbs.ts'
import type { HostFaults } from '../world/host-faults.ts'
import type { HostParts } from '../world/host-stack.ts'
import type { MemoryStack } from './memory-stack.ts'

export class MemoryFaults implements HostFaults {
  readonly #stack: MemoryStack
  readonly #host: HostParts

  constructor(stack: MemoryStack, host: HostParts) {
    this.#stack = stack
    this.#host = host
  }

  /** Holds socket events, timers and immediates. The network stack still acknowledges. */
  pause(): void {
    this.#stack.boot.pause()
  }

  resume(): void {
    this.#stack.boot.resume()
  }

  /** Removes all sockets and timers of the boot, silently; its own promises never settle. */
  crash(): void {
    const { boot } = this.#stack
    if (boot.isDead) return
    this.#stop()
    boot.enter(this.#host.onCrash)
  }

  restart(): void {
    this.#stack.restart()
  }

  /** Does nothing if the connection has ended. A later segment of the other end gets a reset. */
  forget(local: Endpoint, remote: Endpoint): void {
    this.#stack.forget(local, remote)
  }

  setClock(offset: number): void {
    this.#stack.boot.clockOffset = offset
  }

  setFull(isFull: boolean): void {
    if (!isFull) return
    throw new UsageError('programs in memory write to the disk of this machine: explore in the kernel')
  }

  /** Ends the code of a paused host, so that none of it runs while the lab closes. */
  end(): void {
    const { boot } = this.#stack
    if (boot.isPaused && !boot.isDead) this.#stop()
  }

  #stop(): void {
    this.#stack.crash()
    this.#host.forgetSockets()
  }
}
