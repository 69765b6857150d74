/** Which vnets run: in this network namespace, where they can be asked, and in others. */
import { ECONNREFUSED, isErrno, VnetError } from '../core/errno.ts'
import type { ControlClient } from './client.ts'
import type { DeviceInfo } from './device-stats.ts'
import { type Entry, ownNamespace, RUN_DIRECTORY, readDirectory } from './directory.ts'
import { VNET_PORT } from './family.ts'

/** A device, and the port to ask for it. */
export interface FoundDevice extends DeviceInfo {
  readonly port: number
  /** The process of its vnet; undefined where its file says none that means something here. */
  readonly pid: number | undefined
}

export interface Found {
  /** Devices of the vnets of this namespace. */
  readonly devices: readonly FoundDevice[]
  /** Vnets that are there and did not answer as they should. */
  readonly failed: readonly VnetError[]
  /** Vnets of other network namespaces; not of other containers, whose process numbers mean nothing here. */
  readonly elsewhere: readonly Entry[]
}

/**
 * The ports of this namespace where a vnet may be, in the order in which they are taken, as a rule that of the vnets' beginning: of
 * every one that has a file, and the one that the first has, file or no file.
 */
export function portsOf(entries: readonly Entry[], netns = ownNamespace('net')): number[] {
  const here = entries.filter(entry => entry.netns === netns)
  return [...new Set([VNET_PORT, ...here.map(({ port }) => port)])].sort((a, b) => a - b)
}

/** Asks every vnet that has a file, and the port that the first of a namespace has, file or no file. */
export async function findVnets(client: ControlClient, directory = RUN_DIRECTORY): Promise<Found> {
  const [netns, pidns] = [ownNamespace('net'), ownNamespace('pid')]
  const entries = readDirectory(directory)
  const here = entries.filter(entry => entry.netns === netns)
  const devices: FoundDevice[] = []
  const failed: VnetError[] = []
  for (const port of portsOf(entries, netns)) {
    try {
      const pid = here.find(entry => entry.port === port && entry.pidns === pidns)?.pid
      for (const device of await client.devices(port)) devices.push({ ...device, port, pid })
    } catch (error) {
      // Nobody has the port.
      if (isErrno(error, ECONNREFUSED)) continue
      if (!(error instanceof VnetError)) throw error
      failed.push(error)
    }
  }
  return { devices, failed, elsewhere: entries.filter(entry => entry.netns !== netns && entry.pidns === pidns) }
}
