/**
 * The attachments of a node: many interfaces, each with a driver of its own, on one Net. A file has
 * them across restarts of the daemon, by the namespace's inode, the interface's index and its name.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { attachDriver } from '../attach/driver.ts'
import { ENODEV, VnetError } from '../base/errno.ts'
import { describeException } from '../base/exception.ts'
import type { Log } from '../base/log.ts'
import { printable } from '../base/printable.ts'
import { ownNamespace } from '../control/protocol/directory.ts'
import { listed } from '../control/protocol/run-directory.ts'
import type { Native } from '../linux/native.ts'
import { inNetns, netnsPath } from '../linux/netns-name.ts'
import { getLink, RouteSocket } from '../linux/rtnetlink.ts'
import { netnsCookieOf } from '../linux/socket-identity.ts'
import { NETDEV_CHANGENAME, NETDEV_UNREGISTER, NETREG_REGISTERED } from '../netdev/if.ts'
import { insmod, type Module } from '../netdev/module.ts'
import type { Net } from '../netdev/net.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import { inOneLine, lineOf, paramsOf, type Spec, StrangerResources } from './spec.ts'

/** A request for an attachment. */
export interface AttachRequest extends Spec {
  readonly name: string
  /** The inode of the interface's namespace; undefined is our own. */
  readonly inode?: number | undefined
  /** True if the other side of the interface receives `in`. */
  readonly farSide?: boolean | undefined
  /** Nanoseconds; the driver's default if undefined. */
  readonly failOpen?: number | undefined
  /** Its owner: `cni NETWORK CONTAINER IF`, `docker ID`; undefined for a request by hand. */
  readonly owner?: string | undefined
}

/** Where an interface is. A cookie of a namespace is never used again; an inode is. */
interface Place {
  readonly inode: number
  readonly cookie?: number | undefined
  readonly ifindex: number
}

interface Kept extends Place {
  readonly request: AttachRequest
}

interface Attached {
  readonly place: Place
  readonly request: AttachRequest
  readonly module: Module
  readonly dev: NetDevice
  readonly netns: string | undefined
}

export interface AttachmentsOptions {
  readonly native: Native
  readonly net: Net
  /** The directory of files that wires may name. */
  readonly files?: string | undefined
  /** The file that has the attachments. */
  readonly state: string
}

export class Attachments implements AsyncDisposable {
  readonly native: Native
  readonly log: Log
  readonly #net: Net
  readonly #files: string | undefined
  readonly #state: string
  readonly #all = new Set<Attached>()
  readonly #stop: () => void
  #queue: Promise<unknown> = Promise.resolve()
  #isKept = false

  constructor({ native, net, files, state }: AttachmentsOptions) {
    this.native = native
    this.#net = net
    this.log = net.log
    this.#files = files
    this.#state = state
    this.#stop = net.registerNetdeviceNotifier((event, dev) => this.#notified(event, dev))
  }

  /** Calls `fn` when all earlier calls have settled. */
  inTurn<T>(fn: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(fn)
    this.#queue = result.catch(() => {})
    return result
  }

  /**
   * Attaches. Throws a UsageError or a VnetError with a one-line message; nothing is attached then.
   */
  async attach(request: AttachRequest): Promise<void> {
    const { inode, name } = request
    const netns = inode === undefined ? undefined : netnsPaths([inode]).get(inode)
    if (inode !== undefined && inode !== ownNamespace('net') && netns === undefined) {
      throw new VnetError(ENODEV, `attach ${name}`, 'no process and no name has its network namespace')
    }
    await this.#load(request, netns)
    this.#keep()
  }

  /** Logs a stranger's mistake, as one line. */
  warn(line: string): void {
    this.#net.log.warn(printable(line))
  }

  /** Returns the attachment of an interface, by name and namespace. */
  find(name: string, inode = ownNamespace('net')): AttachRequest | undefined {
    return this.#at(name, inode)?.request
  }

  /**
   * Returns the namespace of a device: by name, and by an identifier that no other namespace has.
   */
  placeOf(dev: NetDevice): { readonly netns: string | undefined; readonly place: Place } | undefined {
    return [...this.#all].find(each => each.dev === dev)
  }

  /** Returns the attachments of owners that satisfy `isOwner`. */
  ownedBy(isOwner: (owner: string) => boolean): AttachRequest[] {
    return [...this.#all].map(({ request }) => request).filter(({ owner }) => owner !== undefined && isOwner(owner))
  }

  /** Detaches; returns false if nothing is attached there. */
  async detach(name: string, inode = ownNamespace('net')): Promise<boolean> {
    const found = this.#at(name, inode)
    await found?.module.rmmod()
    return found !== undefined
  }

  /** Restores the attachments of the file. Logs a line for each interface that has changed. */
  async restore(): Promise<void> {
    const kept = readState(this.#state, this.#net)
    const paths = netnsPaths(kept.map(({ inode }) => inode))
    const restore = async ({ request, ...place }: Kept) => {
      try {
        const netns = paths.get(place.inode)
        const now =
          netns === undefined && place.inode !== ownNamespace('net') ? undefined : this.#place(request.name, netns)
        if (now === undefined || !isSame(now, place)) throw new VnetError(ENODEV, request.name, 'it no longer exists')
        await this.#load(request, netns)
      } catch (error) {
        this.#net.log.warn(`not attached again: ${lineOf(error)}`)
      }
    }
    // One after the other: rtnetlink requests here would wait for the links of another attachment.
    for (const each of kept) await restore(each)
    this.#isKept = true
    this.#keep()
  }

  /** Ends all attachments; the file keeps them for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isKept = false
    await this.#queue
    await Promise.all([...this.#all].map(({ module }) => module.rmmod()))
    this.#stop()
  }

  async #load(request: AttachRequest, netns: string | undefined): Promise<void> {
    const { name, farSide = false, failOpen } = request
    const wireResources = new StrangerResources(this.#files)
    const params = { ...paramsOf(request, wireResources), farSide, ...(failOpen !== undefined && { failOpen }) }
    const place = this.#place(name, netns)
    const options = { args: [name], netns, net: this.#net, txqs: 1, rxqs: 1, wireResources, params }
    const module = inOneLine(name, wireResources, () => insmod(attachDriver(), options)) as Module
    const [dev] = module.devices as [NetDevice]
    const attached: Attached = { place, request, module, dev, netns }
    this.#all.add(attached)
    try {
      await module.up()
    } catch (error) {
      this.#all.delete(attached)
      await module.rmmod()
      throw error
    }
    this.#net.log.info(`${name}: attached${request.owner === undefined ? '' : ` (${request.owner})`}`)
  }

  /** Returns the place of an interface. Throws a VnetError if it does not exist. */
  #place(name: string, netns: string | undefined): Place {
    return inNetns(this.native, netns, nsfd => {
      using sock = RouteSocket.open(this.native, nsfd)
      const link = getLink(sock, { name })
      if (link === undefined) throw new VnetError(ENODEV, `attach ${name}`, 'there is no such interface')
      const inode = netns === undefined ? ownNamespace('net') : statSync(netnsPath(netns)).ino
      return { inode, cookie: netnsCookieOf(this.native, nsfd), ifindex: link.ifindex }
    })
  }

  #at(name: string, inode: number): Attached | undefined {
    return [...this.#all].find(({ dev, place }) => dev.name === name && place.inode === inode)
  }

  #notified(event: number, dev: NetDevice): void {
    if (event !== NETDEV_UNREGISTER && event !== NETDEV_CHANGENAME) return
    const attached = [...this.#all].find(each => each.dev === dev)
    if (attached === undefined) return
    if (event === NETDEV_UNREGISTER) {
      this.#all.delete(attached)
      // After the present event, because it closes the event's source.
      queueMicrotask(() => {
        attached.module.rmmod().catch(error => this.#net.log.err(`${dev.name}: ${describeException(error)}`))
      })
    }
    this.#keep()
  }

  /** Writes the file. A reader sees the old or the new one. */
  #keep(): void {
    if (!this.#isKept) return
    const up = [...this.#all].filter(({ dev }) => dev.regState === NETREG_REGISTERED)
    const kept: Kept[] = up.map(({ place, request, dev }) => ({ ...place, request: { ...request, name: dev.name } }))
    try {
      writeFileSync(`${this.#state}.new`, JSON.stringify(kept), { mode: 0o600 })
      renameSync(`${this.#state}.new`, this.#state)
    } catch (error) {
      this.#net.log.err(`attachments will not be back after a restart: ${describeException(error)}`)
    }
  }
}

function isSame(a: Place, b: Place): boolean {
  const isCookie = a.cookie === undefined || b.cookie === undefined || a.cookie === b.cookie
  return a.inode === b.inode && a.ifindex === b.ifindex && isCookie
}

function readState(file: string, net: Net): Kept[] {
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Array.isArray(kept) ? kept.filter(isKept) : []
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      net.log.warn(`${file}: it cannot be read: starting without it`)
    return []
  }
}

function isKept(value: Partial<Kept> | null): value is Kept {
  const { inode, ifindex, request } = value ?? {}
  return Number.isInteger(inode) && Number.isInteger(ifindex) && typeof request?.name === 'string'
}

/** Returns a name or path of each of the namespaces that still has one; none of our own. */
function netnsPaths(inodes: readonly number[]): Map<number, string> {
  const own = statSync('/proc/thread-self/ns/net')
  const wanted = new Set(inodes.filter(inode => inode !== own.ino))
  const found = new Map<number, string>()
  function look(netns: string): void {
    if (wanted.size === 0) return
    try {
      const { dev, ino } = statSync(netnsPath(netns))
      if (dev === own.dev && wanted.delete(ino)) found.set(ino, netns)
    } catch {
      // The process has ended, or belongs to another user.
    }
  }
  for (const name of listed('/run/netns')) look(name)
  for (const name of listed('/run/docker/netns')) look(`/run/docker/netns/${name}`)
  if (wanted.size > 0) for (const pid of listed('/proc')) if (/^\d+$/.test(pid)) look(`/proc/${pid}/ns/net`)
  return found
}
