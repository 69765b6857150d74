/**
 * The world of a lab: the kernel, with network namespaces and real time; memory, with virtual time
 * and without rights; or a guest with a kernel in virtual time.
 */
import { inspect } from 'node:util'
import { UsageError } from 'vnet'
import type { Trace } from 'vnet/kit/base'
import type { LinkCaller } from '../carrier/lab-calls.ts'
import type { HostParts, HostStack, RunningPrograms } from './host-stack.ts'

export const WORLDS = ['kernel', 'memory', 'guest'] as const
/** The world of a lab: see LabOptions.world. */
export type WorldName = (typeof WORLDS)[number]

/** Whether this process runs in a guest (packages/guest/docs/virtual-time.md). */
export const isInGuest = (): boolean => process.env.VNET_GUEST === '1'

/** The variable of a `vnet lab` that stops its guest when the lab is up. */
export const STAGE = 'VNET_GUEST_STAGE'

/** Throws a UsageError outside a guest, because a lab cannot move its process there. */
export function checkInGuest(what: string): void {
  if (isInGuest()) return
  throw new UsageError(
    `${what}: this process is not in a guest: run it with \`vnet guest -- node FILE\`, or use '@vnet/lab/vitest'`,
  )
}

/** The time of a world. Only virtual time can be stopped; in the kernel, time is real. */
export interface WorldTime {
  /** Milliseconds since the lab was made. */
  readonly now: number
  /** Whether nothing more is going to happen in it. Always false in the kernel. */
  readonly isIdle: boolean
  /** The real things for which it stands still: `a child process (sleep 1, pid 9)`. */
  readonly awaited: readonly string[]
  /** Stops it, if it is virtual, until the returned function is called. */
  hold(): () => void
  /**
   * Waits for milliseconds, or for a duration such as '2h'. In real time the wait ends when
   * `signal` aborts; in virtual time it ends with its lab.
   */
  sleep(duration: number | string, signal?: AbortSignal): Promise<void>
  /** Cancels the timers that a test has left, if they are in the time of this world alone. */
  cancelTimers(): void
}

/**
 * Where the hosts and links of one lab are. The lab that has made it owns it, and closes it after
 * its hosts and links.
 */
export interface LabWorld {
  readonly name: WorldName
  readonly caller: LinkCaller
  readonly time: WorldTime
  /** The directory of the lab's files, which `close` removes. */
  readonly directory: string
  /** Makes the network stack of a host. The caller ends and closes it. */
  makeHost(parts: HostParts): HostStack
  /** Kills the programs of hosts, with all that they have started; absent without programs. */
  killPrograms?(of: readonly RunningPrograms[]): void
  /** Returns a line for each cause of losses that neither links nor hosts count, if any exists. */
  losses?(): readonly string[]
  /** Gives everything back when hosts and links are closed. */
  close(): void
}

/**
 * Returns the wanted world: the option, or otherwise VNET_WORLD; undefined for the kernel where
 * that is possible. Throws a UsageError for an unknown name in VNET_WORLD.
 */
export function wantedWorld(
  option: WorldName | undefined,
  variable = process.env.VNET_WORLD,
): WorldName | undefined {
  if (option !== undefined) return option
  // Only the fixture runs a test in both.
  if (variable === undefined || variable === '' || variable === 'both') return undefined
  const known = WORLDS.find(name => name === variable)
  if (known === undefined) {
    throw new UsageError(`VNET_WORLD=${inspect(variable)}: expected kernel, memory, guest or both`)
  }
  return known
}

/** Same as wantedWorld, for explore: in a guest, its kernel, because no guest runs in another. */
export function exploredWorld(
  option: WorldName | undefined,
  variable?: string,
): WorldName | undefined {
  const wanted = wantedWorld(option, variable)
  return wanted === 'guest' && isInGuest() ? 'kernel' : wanted
}

/** Whether tests fail where no lab can be made in the kernel. */
export function isRequired(): boolean {
  const { VNET_REQUIRED = '' } = process.env
  if (/^[01]?$/.test(VNET_REQUIRED)) return VNET_REQUIRED === '1'
  throw new Error(`VNET_REQUIRED=${VNET_REQUIRED}: it is 1 or 0`)
}

/** Makes the stack of an error lead to a call. Returns the error. */
export function thrownAt<E extends Error>({ stack }: Trace, error: E): E {
  // The first line has the name of the error, the rest is where the call was made.
  error.stack = String(stack).replace(/^.*/, () => String(error))
  return error
}
