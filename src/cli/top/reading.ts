/**
 * The data that `vnet top` reads from the running vnets: once a round, from all of them in
 * parallel.
 */

import { explain, VnetError } from '../../base/errno.ts'
import type { ControlClient, DeviceStats, FoundDevice } from '../../control/index.ts'
import { cpuTimeOf, statOf } from '../../linux/proc-stat.ts'
import { hasEnded } from '../ask.ts'

/** A device at one moment. */
export interface TopDevice {
  readonly device: FoundDevice
  readonly stats: DeviceStats
  /** Transmit queues that are stopped. */
  readonly stopped: number
}

/** The CPU time of a process, and when it was read, both in ms. */
export interface CpuTime {
  readonly used: number
  readonly at: number
}

export interface Reading {
  readonly devices: readonly TopDevice[]
  /** CPU times by process id of a vnet. A process that ended, or is hidden, is missing. */
  readonly cpu: ReadonlyMap<number, CpuTime>
  /** Why vnets did not reply. */
  readonly problems: readonly string[]
}

/** Reads the statistics of devices. Devices that are unregistered meanwhile are left out. */
export async function read(
  client: ControlClient,
  devices: readonly FoundDevice[],
  failed: readonly VnetError[],
): Promise<Reading> {
  const problems = new Set(failed.map(explain))
  const found = await Promise.all(devices.map(device => readOne(client, device, problems)))
  const pids = new Set(devices.flatMap(({ pid }) => pid ?? []))
  const cpu = new Map([...pids].flatMap(pid => cpuTime(pid)))
  return { devices: found.flatMap(each => each ?? []), cpu, problems: [...problems] }
}

async function readOne(
  client: ControlClient,
  device: FoundDevice,
  problems: Set<string>,
): Promise<TopDevice | undefined> {
  try {
    const { vnet } = device
    const [stats, parts] = await Promise.all([client.stats(vnet, device), client.parts(vnet, device)])
    const stopped = parts.filter(({ kind, state }) => kind === 'queue' && state === 'stopped').length
    return stats && { device, stats, stopped }
  } catch (error) {
    if (!(error instanceof VnetError)) throw error
    // Not a problem: the next round does not find it.
    if (!hasEnded(error)) problems.add(explain(error))
    return undefined
  }
}

/** Returns the entry of a process; none if it cannot be read. */
function cpuTime(pid: number): [number, CpuTime][] {
  const fields = statOf(pid)
  return fields === undefined ? [] : [[pid, { used: cpuTimeOf(fields), at: performance.now() }]]
}
