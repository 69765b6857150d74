/** Finds running vnets and their interfaces here: in this namespace, or of a vnet started in it. */
import { ECONNREFUSED, EOPNOTSUPP, isErrno, listed, VnetError } from '../../base/index.ts'
import { labPlace } from '../protocol/lab-place.ts'
import type { DeviceInfo } from '../protocol/types.ts'
import type { Entry, EntryInterface, LabNames, NetNamespace } from '../sockets/directory.ts'
import { isSameNamespace, ownNamespace, readDirectories } from '../sockets/directory.ts'
import type { RunDirectory, Untrusted } from '../sockets/run-directory.ts'
import {
  namedDirectory,
  otherUsers,
  trustedDirectories,
  untrustedDirectories,
} from '../sockets/run-directory.ts'
import type { ControlClient } from './client.ts'

/**
 * A device that findVnets found, with the vnet to send requests about it to: a client takes `vnet`
 * and the device itself.
 */
export interface FoundDevice extends DeviceInfo, LabNames {
  /** The path of its vnet's socket. */
  readonly vnet: string
  /** The process of its vnet; undefined if that is in another pid namespace. */
  readonly pid: number | undefined
  /** The network namespace that it is in; undefined if it is newer than its vnet's file. */
  readonly namespace?: NetNamespace | undefined
}

/**
 * The result of findVnets, at one moment: a vnet may end, and an interface may be renamed, at any
 * time after it. It lists all that could not be queried, so that a command can report it.
 */
export interface Found {
  /** All devices of the vnets that were started here, and the devices here of other vnets. */
  readonly devices: readonly FoundDevice[]
  /** The interfaces' vnets, including vnets that were not queried. */
  readonly here: readonly Entry[]
  /**
   * Errors of vnets that are running but could not be queried, each with the vnet's name. Vnets
   * that ended meanwhile are left out.
   */
  readonly failed: readonly VnetError[]
  /** Vnets of other network namespaces, but not of other pid namespaces. */
  readonly elsewhere: readonly Entry[]
  /** For root, the other users with running vnets. They are not queried unless one is named. */
  readonly users: readonly number[]
  /** Directories of vnets that were not read, such as root's in a user namespace. */
  readonly untrusted: readonly Untrusted[]
}

/**
 * Which vnets findVnets looks for. By default these are root's and the caller's own vnets, if they
 * were started in the client's network namespace, have an interface in it, or are labs.
 */
export interface FindOptions {
  /** Selects the vnets that are queried, by their interfaces; all by default. */
  readonly isWanted?:
    | ((device: Pick<EntryInterface, 'name' | 'netns'> & LabNames) => boolean)
    | undefined
  /** The vnets of this user, instead of root's and the caller's own. For root. */
  readonly user?: number | undefined
  /** True for the vnets of all network namespaces, with all their interfaces. */
  readonly everywhere?: boolean | undefined
  /** Where to look, instead of the usual directories. */
  readonly directory?: string | undefined
  /** The other users with vnets; by default found for root in the usual directories. */
  readonly users?: readonly number[] | undefined
}

/** Returns the directories to look in: the named directory, or all that this process trusts. */
export function directoriesOf({ user, directory }: FindOptions): RunDirectory[] {
  return directory === undefined ? trustedDirectories(user) : namedDirectory(directory)
}

/** True if a vnet was started in this network namespace, has an interface in it, or is a lab. */
export function isHere({ netns, interfaces }: Entry, here: NetNamespace): boolean {
  return (
    netns === here.inode ||
    interfaces.some(device => isSameNamespace(device, here) || isOfLab(device))
  )
}

/** True for an interface of a lab, which is found from every network namespace. */
export function isOfLab({ netns }: { readonly netns?: string | undefined }): boolean {
  return labPlace(netns) !== undefined
}

/**
 * Returns a function from the name of a lab's namespace and the lab's process to the names that an
 * interface there has: `alias` is `LAB-PID:HOST`, and `place` is the same if several of these vnets
 * have labs of this name. `hosts` are `LAB:HOST` and `LAB-PID:HOST`, each only if it means a single
 * interface. Namespaces that are not a lab's have none of these names.
 */
export function labNames(
  entries: readonly Entry[],
): (netns: string | undefined, pid: number) => LabNames {
  const owners = new Map<string, Set<Entry>>()
  /** How many interfaces a name of a host means. */
  const interfaces = new Map<string, number>()
  for (const entry of entries) {
    for (const { netns } of entry.interfaces) {
      const { lab, host } = labPlace(netns) ?? {}
      if (lab === undefined) continue
      owners.set(lab, (owners.get(lab) ?? new Set()).add(entry))
      for (const name of [`${lab}:${host}`, `${lab}-${entry.pid}:${host}`]) {
        interfaces.set(name, (interfaces.get(name) ?? 0) + 1)
      }
    }
  }
  return (netns, pid) => {
    const { lab, host } = labPlace(netns) ?? {}
    if (lab === undefined) return {}
    const alias = `${lab}-${pid}:${host}`
    const hosts = [`${lab}:${host}`, alias].filter(name => interfaces.get(name) === 1)
    return { alias, place: (owners.get(lab)?.size ?? 0) > 1 ? alias : undefined, hosts }
  }
}

/** Returns the same vnets, with the names of labNames. */
export function withPlaces(entries: readonly Entry[]): Entry[] {
  const namesOf = labNames(entries)
  return entries.map(entry => {
    const interfaces = entry.interfaces.map(each => ({
      ...each,
      ...namesOf(each.netns, entry.pid),
    }))
    return { ...entry, interfaces }
  })
}

/** Queries all vnets for their devices in parallel. Lab interfaces have the names of labNames. */
export async function findVnets(client: ControlClient, options: FindOptions = {}): Promise<Found> {
  const { isWanted, user, directory, users, everywhere = false } = options
  const [namespace, pidns] = [client.namespace, ownNamespace('pid')]
  const entries = withPlaces(readDirectories(directoriesOf(options)))
  const namesOf = labNames(entries)
  const here = entries.filter(entry => everywhere || isHere(entry, namespace))
  const queried =
    isWanted === undefined ? here : here.filter(({ interfaces }) => interfaces.some(isWanted))
  const failed: VnetError[] = []
  const ended = new Set<Entry>()
  const devices = await Promise.all(
    queried.map(async entry => {
      try {
        const found = await client.devices(entry.vnet)
        const pid = entry.pidns === pidns ? entry.pid : undefined
        return found
          .filter(everywhere ? () => true : isShown(entry, namespace))
          .map(device => ({
            ...device,
            vnet: entry.vnet,
            pid,
            namespace: namespaceOf(device, entry),
          }))
          .map(device => ({ ...device, ...namesOf(device.netns, entry.pid) }))
      } catch (error) {
        if (!(error instanceof VnetError)) throw error
        if (isErrno(error, ECONNREFUSED)) {
          ended.add(entry)
        } else {
          failed.push(aboutVnet(error, entry))
        }
        return []
      }
    }),
  )
  return {
    devices: devices.flat(),
    here: here.filter(entry => !ended.has(entry)),
    failed,
    elsewhere: entries.filter(entry => !here.includes(entry) && entry.pidns === pidns),
    ...(user === undefined && directory === undefined
      ? { users: users ?? otherUsers(), untrusted: untrustedDirectories() }
      : { users: users ?? [], untrusted: [] }),
  }
}

/** For a vnet that was started elsewhere, only devices here, and devices of labs, are shown. */
function isShown(
  { netns, interfaces }: Entry,
  here: NetNamespace,
): (device: DeviceInfo) => boolean {
  if (netns === here.inode) return () => true
  const there = interfaces.filter(device => isSameNamespace(device, here))
  return device => isOfLab(device) || there.some(one => isSameDevice(one, device))
}

const isSameDevice = (a: EntryInterface, b: DeviceInfo) =>
  a.ifindex === b.ifindex && a.netns === b.netns

function namespaceOf(device: DeviceInfo, { interfaces }: Entry): NetNamespace | undefined {
  const found = interfaces.find(each => isSameDevice(each, device))
  return found && { inode: found.inode, cookie: found.cookie }
}

/** Returns the same error, with the vnet named in it. */
export function aboutVnet(error: VnetError, { pid, interfaces }: Entry): VnetError {
  const names = listed(
    interfaces.map(({ name, netns }) => (netns === undefined ? name : `${netns}/${name}`)),
  )
  return error.about(`vnet ${pid}${names === '' ? '' : ` (${names})`}`)
}

/** Returns the line about another user with vnets, of a command that would show them. */
export function otherUserLine(user: number, command: string): string {
  return `user ${user} has vnets too: vnet ${command} --user ${user}`
}

/** Returns the result of `ask`; undefined if the vnet or its driver does not support it. */
export async function supported<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (isErrno(error, EOPNOTSUPP)) return undefined
    throw error
  }
}
