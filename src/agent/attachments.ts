/**
 * The agent's attachments: many interfaces on one Net, each with a driver. A file keeps them across
 * restarts, by the namespace's inode, the interface's index and its name.
 */
import { existsSync, statSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { attachDriver } from '../attach/driver.ts'
import { describeException, ENETDOWN, ENODEV, ENOENT, isErrno, type Log, printable, VnetError } from '../base/index.ts'
import { isSameNamespace, type NetNamespace, ownNamespace } from '../control/protocol/directory.ts'
import { listed } from '../control/protocol/run-directory.ts'
import { type Native, netnsCookieOf, readTextFile, replaceFile } from '../linux/index.ts'
import { inNetns, netnsPath } from '../linux/netns-name.ts'
import { getLink, RouteSocket } from '../linux/rtnetlink.ts'
import type { Module, Net, NetDevice } from '../netdev/index.ts'
import { insmod, NETDEV_CHANGENAME, NETDEV_UNREGISTER, NETREG_REGISTERED } from '../netdev/index.ts'
import type { Mark } from './mark.ts'
import { inOneLine, lineOf, paramsOf, type Spec, StrangerResources } from './spec.ts'

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

interface Place extends NetNamespace {
  readonly ifindex: number
}

interface Kept extends Place {
  readonly request: AttachRequest
  /** Its number for the mark; undefined in the file of an older daemon. */
  readonly number?: number | undefined
  /** True if it is not attached, because the daemon ended twice while a frame of it was in work. */
  readonly away?: true | undefined
}

interface Attached {
  readonly place: Place
  readonly number: number
  readonly request: AttachRequest
  readonly module: Module
  readonly dev: NetDevice
  readonly netns: string | undefined
}

/** How often an interface that went down is looked at. */
const AGAIN_MS = 1000
const AWAY = 'vnet node ended twice while a frame of it was in work; vnet attach --node attaches it again'

export class Attachments implements AsyncDisposable {
  readonly native: Native
  readonly log: Log
  readonly #net: Net
  readonly #files: string | undefined
  readonly #state: string
  #mark: Mark | undefined
  readonly #all = new Set<Attached>()
  /** Attachments that are not restored before a new request. */
  #away: readonly Kept[] = []
  #lastNumber = 0
  readonly #stop: () => void
  #queue: Promise<unknown> = Promise.resolve()
  #isKept = false

  /** `state` is the file that has the attachments, `files` the directory that wires may name. */
  constructor(native: Native, net: Net, state: string, files?: string) {
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

  /** Throws a UsageError or a VnetError with a one-line message; nothing is attached then. */
  async attach(request: AttachRequest): Promise<void> {
    const { inode, name } = request
    const netns = inode === undefined ? undefined : netnsPaths([inode]).get(inode)
    if (inode !== undefined && inode !== ownNamespace('net') && netns === undefined)
      throw new VnetError(ENODEV, `attach ${name}`, 'no process and no name has its network namespace')
    const { place } = await this.#load(request, netns)
    this.#away = this.#away.filter(each => !isSame(each, place))
    this.#keep()
  }

  /** Logs a stranger's mistake, as one line. */
  warn(line: string): void {
    this.#net.log.warn(printable(line))
  }

  /** Returns whether an interface of our own namespace has an attachment, also if it is away. */
  has(name: string): boolean {
    const inode = ownNamespace('net')
    return (this.#at(name, inode) ?? this.#awayAt(name, inode)) !== undefined
  }

  /** Returns the namespace of a device: by name, and by an identifier that no other has. */
  placeOf(dev: NetDevice): { readonly netns: string | undefined; readonly place: Place } | undefined {
    return [...this.#all].find(each => each.dev === dev)
  }

  /** Returns the attachments of owners that satisfy `isOwner`, also if they are away. */
  ownedBy(isOwner: (owner: string) => boolean): (AttachRequest & Pick<Kept, 'away'>)[] {
    const away = this.#away.map(({ request, away }) => ({ ...request, away }))
    return [...[...this.#all].map(({ request }) => request), ...away].filter(
      ({ owner }) => owner !== undefined && isOwner(owner),
    )
  }

  /** Detaches; returns false if nothing is attached there. */
  async detach(name: string, inode = ownNamespace('net')): Promise<boolean> {
    const found = this.#at(name, inode)
    if (found !== undefined) this.#all.delete(found)
    await found?.module.rmmod()
    const away = this.#awayAt(name, inode)
    this.#away = this.#away.filter(each => each !== away)
    this.#keep()
    return (found ?? away) !== undefined
  }

  /** Restores the file's attachments without `mark`'s culprit; logs it and changed interfaces. */
  async restore(mark?: Mark): Promise<void> {
    this.#mark = mark
    const kept = readState(this.#state, this.#net)
    const paths = netnsPaths(kept.map(({ inode }) => inode))
    this.#lastNumber = Math.max(0, ...kept.map(({ number = 0 }) => number))
    const down: [Kept, netns: string | undefined][] = []
    const restore = async (each: Kept) => {
      const netns = paths.get(each.inode)
      const { request, number, away } = each
      try {
        if (netns === undefined && each.inode !== ownNamespace('net')) throw gone(request.name)
        if (away || (number !== undefined && number === mark?.culprit)) {
          this.#check(each, netns)
          this.#away = [...this.#away, { ...each, away: true }]
          this.#net.log.warn(printable(`not attached again: ${request.name}: ${AWAY}`))
        } else if (!(await this.#attachAgain(each, netns))) down.push([each, netns])
      } catch (error) {
        this.#net.log.warn(`not attached again: ${lineOf(error)}`)
      }
    }
    // One after the other: rtnetlink requests here would wait for the links of another attachment.
    for (const each of kept) await restore(each)
    this.#isKept = true
    for (const [each, netns] of down) void this.#untilUp(each, netns)
    this.#keep()
  }

  /** Ends all attachments; the file keeps them for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isKept = false
    await this.#queue
    await Promise.all([...this.#all].map(({ module }) => module.rmmod()))
    this.#stop()
  }

  #check(kept: Kept, netns: string | undefined): void {
    const { name } = kept.request
    if (!isSame(this.#place(name, netns), kept)) throw gone(name)
  }

  /** Returns false if the interface is down. Throws a VnetError. */
  async #attachAgain(kept: Kept, netns: string | undefined): Promise<boolean> {
    try {
      this.#check(kept, netns)
      await this.#load(kept.request, netns, kept.number)
      return true
    } catch (error) {
      if (isErrno(error, ENETDOWN)) return false
      throw error
    }
  }

  /** Attaches again to an interface that is there, as soon as it is up. */
  async #untilUp(kept: Kept, netns: string | undefined): Promise<void> {
    const look = async () => {
      this.#away = this.#away.filter(each => each !== kept)
      try {
        if (!(await this.#attachAgain(kept, netns))) this.#away = [...this.#away, kept]
      } catch (error) {
        // That the interface has gone is in the log.
        if (!isErrno(error, ENODEV, ENOENT)) this.#net.log.warn(`not attached again: ${lineOf(error)}`)
      }
      this.#keep()
    }
    await this.inTurn(look)
    // A request may attach or detach it.
    const isAwaited = () => this.#isKept && this.#away.includes(kept)
    while (isAwaited()) {
      await setTimeout(AGAIN_MS, undefined, { ref: false })
      await this.inTurn(async () => isAwaited() && look())
    }
  }

  async #load(request: AttachRequest, netns: string | undefined, number = ++this.#lastNumber): Promise<Attached> {
    const { name, farSide = false, failOpen } = request
    const wireResources = new StrangerResources(this.#files)
    const params = { ...paramsOf(request, wireResources), farSide, ...(failOpen !== undefined && { failOpen }) }
    const place = this.#place(name, netns)
    const options = { args: [name], netns, net: this.#net, txqs: 1, rxqs: 1, wireResources, params }
    const shown = this.#mark && { word: this.#mark.words, number }
    const module = inOneLine(name, wireResources, () => insmod(attachDriver(shown), options)) as Module
    const [dev] = module.devices as [NetDevice]
    const attached: Attached = { place, number, request, module, dev, netns }
    this.#all.add(attached)
    try {
      await module.up()
    } catch (error) {
      this.#all.delete(attached)
      await module.rmmod()
      throw error
    }
    this.#net.log.info(`${name}: attached${request.owner === undefined ? '' : ` (${request.owner})`}`)
    return attached
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

  #awayAt(name: string, inode: number): Kept | undefined {
    return this.#away.find(each => each.request.name === name && each.inode === inode)
  }

  #notified(event: number, dev: NetDevice): void {
    if (event !== NETDEV_UNREGISTER && event !== NETDEV_CHANGENAME) return
    const attached = [...this.#all].find(each => each.dev === dev)
    if (attached === undefined) return
    if (event === NETDEV_UNREGISTER) {
      this.#all.delete(attached)
      // After the present event, because it closes the event's source.
      queueMicrotask(() => void this.#ended(attached))
    }
    this.#keep()
  }

  async #ended({ place, number, request, netns, module, dev: { name } }: Attached): Promise<void> {
    await module.rmmod().catch(error => this.#net.log.err(`${name}: ${describeException(error)}`))
    if (this.#isKept) await this.#untilUp({ ...place, number, request: { ...request, name } }, netns)
  }

  /** Writes the file. A reader sees the old or the new one. */
  #keep(): void {
    if (!this.#isKept) return
    const up = [...this.#all].filter(({ dev }) => dev.regState === NETREG_REGISTERED)
    const live = up.map(({ place, number, request, dev }): Kept => {
      return { ...place, number, request: { ...request, name: dev.name } }
    })
    try {
      replaceFile(this.#state, JSON.stringify([...live, ...this.#away]), 0o600)
    } catch (error) {
      this.#net.log.err(`attachments will not be back after a restart: ${describeException(error)}`)
    }
  }
}

const gone = (name: string) => new VnetError(ENODEV, name, 'it no longer exists')

const isSame = (a: Place, b: Place): boolean => a.ifindex === b.ifindex && isSameNamespace(a, b)

function readState(file: string, net: Net): Kept[] {
  if (!existsSync(file)) return []
  try {
    const kept: unknown = JSON.parse(readTextFile(file))
    return Array.isArray(kept) ? kept.filter(isKept) : []
  } catch {
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
