/** HostFaults: what can happen to a host of a lab at a planned packet. */
import type { Endpoint } from '../model/verbs.ts'

/**
 * What can happen to a host at a planned packet. Each function throws a UsageError with the reason
 * if the world of the host cannot do it. The caller makes the links of the host dead before
 * `crash`, and live again for `restart`.
 */
export interface HostFaults {
  /** Stops all programs of the host. When it settles, none runs. */
  pause(): Promise<void> | void
  /** Continues the programs that `pause` has stopped. */
  resume(): void
  /** Kills all programs. In memory all connections vanish; the kernel closes them. */
  crash(): Promise<void> | void
  /** Turns the host on again. */
  restart(): void
  /** Removes this end of a TCP connection. Its user gets ECONNABORTED, the other end nothing. */
  forget(local: Endpoint, remote: Endpoint): Promise<void> | void
  /** Sets how far the wall clock of its programs is ahead, in ns. Others do not change. */
  setClock(offset: number): void
  /** Makes writes of its programs to its disk fail with ENOSPC, or succeed again. */
  setFull(isFull: boolean): Promise<void> | void
  /** Makes the disk of its programs, unless it has one, and returns its path. Not in memory. */
  disk?(size: string | undefined): string
  /** Makes the disk before the first program whose command `isFor` returns true for. */
  giveDisk?(isFor: (command: string) => boolean, size: string | undefined): void
  /** Kills the programs of a host that has an init. Not in memory. */
  endInit?(): void
}
