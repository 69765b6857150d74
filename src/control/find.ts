/** Which vnets run, and which interfaces they have here: in this network namespace, or made by a vnet that is at home in it. */
import { ECONNREFUSED, isErrno, VnetError } from '../core/errno.ts'
import type { ControlClient } from './client.ts'
import type { DeviceInfo } from './device-stats.ts'
import { type Entry, type EntryInterface, ownNamespace, readDirectories } from './directory.ts'
import { namedDirectory, otherUsers, type RunDirectory, trustedDirectories } from './run-directory.ts'

/** A device, and the vnet to ask for it. */
export interface FoundDevice extends DeviceInfo {
  /** The path of its vnet's socket. */
  readonly vnet: string
  /** The process of its vnet; undefined where that is in another pid namespace, in which its number means something else. */
  readonly pid: number | undefined
}

export interface Found {
  /** Devices of the vnets of this namespace, and those of others that are in it. */
  readonly devices: readonly FoundDevice[]
  /** Their vnets, also those that were not asked. */
  readonly here: readonly Entry[]
  /** Vnets that are there and did not answer as they should. */
  readonly failed: readonly VnetError[]
  /** Vnets of other network namespaces; not of other containers, whose process numbers mean nothing here. */
  readonly elsewhere: readonly Entry[]
  /** Users who have vnets of their own, if we are root: they are not looked at unless one is named. */
  readonly users: readonly number[]
}

export interface FindOptions {
  /** Only vnets that have such an interface are asked; all when absent. */
  readonly isWanted?: ((device: Pick<EntryInterface, 'name' | 'netns'>) => boolean) | undefined
  /** The vnets of this user, in place of root's and one's own. For root. */
  readonly user?: number | undefined
  /** Where to look, in place of the usual directories. */
  readonly directory?: string | undefined
}

/** The directories to look in. */
export function directoriesOf({ user, directory }: FindOptions): RunDirectory[] {
  return directory === undefined ? trustedDirectories(user) : namedDirectory(directory)
}

/** Whether a vnet has something here: it is at home in this namespace, or one of its interfaces is there. */
export function isHere({ netns, interfaces }: Entry, here = ownNamespace('net')): boolean {
  return netns === here || interfaces.some(({ inode }) => inode === here)
}

/** Asks vnets which devices they have, all at once: one that does not answer delays no other. */
export async function findVnets(client: ControlClient, options: FindOptions = {}): Promise<Found> {
  const { isWanted, user, directory } = options
  const [netns, pidns] = [ownNamespace('net'), ownNamespace('pid')]
  const entries = readDirectories(directoriesOf(options))
  const here = entries.filter(entry => isHere(entry, netns))
  const asked = isWanted === undefined ? here : here.filter(({ interfaces }) => interfaces.some(isWanted))
  const failed: VnetError[] = []
  const devices = await Promise.all(
    asked.map(async entry => {
      try {
        const found = await client.devices(entry.vnet)
        const pid = entry.pidns === pidns ? entry.pid : undefined
        return found.filter(isShown(entry, netns)).map(device => ({ ...device, vnet: entry.vnet, pid }))
      } catch (error) {
        if (!(error instanceof VnetError)) throw error
        // It has ended.
        if (!isErrno(error, ECONNREFUSED)) failed.push(withName(error, entry))
        return []
      }
    }),
  )
  return {
    devices: devices.flat(),
    here,
    failed,
    elsewhere: entries.filter(entry => !here.includes(entry) && entry.pidns === pidns),
    users: user === undefined && directory === undefined ? otherUsers() : [],
  }
}

/** Of a vnet that is at home elsewhere only what is here. */
function isShown({ netns, interfaces }: Entry, here: number): (device: DeviceInfo) => boolean {
  if (netns === here) return () => true
  const there = interfaces.filter(({ inode }) => inode === here)
  return device => there.some(one => one.ifindex === device.ifindex && one.netns === device.netns)
}

/** The error says which vnet it is of. */
function withName({ errno, syscall, advice }: VnetError, { pid, interfaces }: Entry): VnetError {
  const names = interfaces.map(({ name }) => name).join(', ')
  return new VnetError(errno, `${syscall} of vnet ${pid}${names === '' ? '' : ` (${names})`}`, advice)
}
