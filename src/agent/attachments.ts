/**
 * The attachments of the agent: many interfaces, each with a driver of its own, on one Net. A file
 * keeps them across restarts of the daemon (state-file.ts).
 */
import { statSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Continuity, Counted } from '../attach/attachment.ts'
import { attachDriver } from '../attach/driver.ts'
import {
  describeException,
  ENETDOWN,
  ENODEV,
  ENOENT,
  isErrno,
  type Log,
  printable,
  VnetError,
} from '../base/index.ts'
import type { DeviceChange, DeviceOwner } from '../control/operations/subject.ts'
import { isSameNamespace, ownNamespace } from '../control/sockets/directory.ts'
import { type Native, netnsCookieOf } from '../linux/index.ts'
import { inNetns, netnsPath } from '../linux/netns-name.ts'
import { getLink, RouteSocket } from '../linux/rtnetlink.ts'
import type { Module, Net, NetDevice } from '../netdev/index.ts'
import {
  insmod,
  NETDEV_CHANGE,
  NETDEV_CHANGENAME,
  NETDEV_UNREGISTER,
  NETDEV_WIRE,
  NETREG_REGISTERED,
} from '../netdev/index.ts'
import type { AttachRequest } from './attach-request.ts'
import {
  applyChange,
  type Change,
  filterResources,
  isEmpty,
  stillInForce,
  withChange,
} from './changes.ts'
import type { Mark } from './mark.ts'
import { type Mistake, Mistakes, type Pod } from './mistakes.ts'
import { netnsPaths } from './netns-paths.ts'
import { ownerText } from './owner.ts'
import { isThere } from './pod-netns.ts'
import { inOneLine, lineOf, paramsOf, StrangerResources } from './spec.ts'
import { type Kept, type Place, readState, writeState } from './state-file.ts'
import { keyOf, UserChanges } from './user-changes.ts'

interface Attached {
  readonly place: Place
  readonly number: number
  readonly request: AttachRequest
  readonly module: Module
  readonly dev: NetDevice
  readonly netns: string | undefined
  /** False while it is loaded: if that fails, only its caller hears of it. */
  isUp: boolean
  /** Set when it has ended. */
  since?: Counted | undefined
}

interface Loading {
  readonly netns: string | undefined
  readonly number: number
  readonly change: Change
  readonly continuity: Continuity
}

/** How often an interface that went down is looked at. */
const AGAIN_MS = 1000
const AWAY =
  'vnet node ended twice while a frame of it was in work; vnet attach --node attaches it again'

interface AttachmentsOptions {
  /** The file that has the attachments. */
  readonly state: string
  /** The directory of the files that wires may name. */
  readonly files?: string | undefined
  /** Called for each new mistake, when it is in the log. */
  readonly onMistake?: ((mistake: Mistake) => void) | undefined
}

export class Attachments implements AsyncDisposable {
  readonly native: Native
  readonly log: Log
  /** A new one is logged. */
  readonly mistakes: Mistakes
  readonly #net: Net
  readonly #files: string | undefined
  readonly #state: string
  #mark: Mark | undefined
  readonly #all = new Set<Attached>()
  /** Attachments that are not restored before a new request. */
  #away: readonly Kept[] = []
  /** The modules that let their interfaces go. */
  readonly #closing = new Set<Promise<void>>()
  /** The ends that are under way: their interfaces may be up again, or deleted. */
  readonly #endings = new Set<Promise<void>>()
  readonly #changes = new UserChanges()
  #lastNumber = 0
  readonly #stop: () => void
  #queue: Promise<unknown> = Promise.resolve()
  /** Whether changes are written: the file has been read, and the daemon does not end. */
  #isKept = false
  #isEnding = false

  constructor(
    native: Native,
    net: Net,
    { state, files, onMistake = () => {} }: AttachmentsOptions,
  ) {
    this.native = native
    this.#net = net
    this.log = net.log
    this.#files = files
    this.#state = state
    this.mistakes = new Mistakes(mistake => {
      this.warn(`${mistake.who}: ${mistake.why}`)
      onMistake(mistake)
      if (mistake.lasts) {
        this.#keep()
      }
    })
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
    if (inode !== undefined && inode !== ownNamespace('net') && netns === undefined) {
      throw new VnetError(
        ENODEV,
        `attach ${name}`,
        'no process and no name has its network namespace',
      )
    }
    const { place } = await this.#load(request, netns)
    if (place.inode === ownNamespace('net')) {
      this.mistakes.forget((_, { ifindex }) => ifindex === place.ifindex)
    }
    this.#keep()
  }

  /** Logs a stranger's mistake, as one line. */
  warn(line: string): void {
    this.#net.log.warn(printable(line))
  }

  /** Returns the attachment to an interface of our own namespace, also if it is away. */
  at(ifindex: number): AttachRequest | undefined {
    const inode = ownNamespace('net')
    const all = [
      ...[...this.#all].map(({ place, request }) => ({ ...place, request })),
      ...this.#away,
    ]
    // Not by name: the end of an earlier interface of this name may not be seen yet.
    return all.find(each => each.ifindex === ifindex && each.inode === inode)?.request
  }

  /** Returns the namespace of a device: by name, and by an identifier that no other has. */
  placeOf(
    dev: NetDevice,
  ): { readonly netns: string | undefined; readonly place: Place } | undefined {
    return [...this.#all].find(each => each.dev === dev)
  }

  /** Returns the container or pod that a device is attached for. */
  ownerOf(dev: NetDevice): DeviceOwner | undefined {
    return [...this.#all].find(each => each.dev === dev)?.request.names
  }

  /** Returns the attachments of owners that satisfy `isOwner`, also if they are away. */
  ownedBy(isOwner: (owner: string) => boolean): (AttachRequest & Pick<Kept, 'away'>)[] {
    const current = [...this.#all].map(({ request, dev }) => ({ ...request, name: dev.name }))
    const awaited = this.#away.map(({ request, away }) => ({ ...request, away }))
    return [...current, ...awaited].filter(({ owner }) => owner !== undefined && isOwner(owner))
  }

  /** Detaches; returns false if nothing is attached there. Its owner may attach again. */
  async detach(name: string, inode = ownNamespace('net')): Promise<boolean> {
    const found = this.#at(name, inode)
    if (found !== undefined) {
      this.#all.delete(found)
    }
    await found?.module.rmmod()
    await Promise.all(this.#closing)
    const away = this.#awayAt(name, inode)
    this.#away = this.#away.filter(each => each !== away)
    const place = found?.place ?? away
    if (place !== undefined) {
      this.#forgetPlace({ ...place, request: { name } })
    }
    this.#keep()
    return place !== undefined
  }

  /** Detaches as a user wants it: an owner's next attachments are refused, until forget(). */
  async detachForGood(name: string, inode = ownNamespace('net')): Promise<boolean> {
    const { place, request } = this.#at(name, inode) ?? withPlace(this.#awayAt(name, inode))
    const { owner, names, podNetns: netns } = request ?? {}
    if (owner !== undefined) {
      this.#changes.set(owner, { detached: true, netns })
    }
    const isDone = await this.detach(name, inode)
    if (owner !== undefined && names !== undefined) {
      const lasts = netns && true
      const ends: Partial<Mistake> = { lasts, netns, ifindex: place?.ifindex }
      this.mistakes.add(owner, {
        who: ownerText(names),
        why: detachedText(names),
        pod: podOf(names),
        ...ends,
      })
    }
    return isDone
  }

  /** Returns whether a user detached the owner's attachment. */
  isDetached(owner: string): boolean {
    return this.#changes.of(owner)?.detached === true
  }

  /** Forgets changes and mistakes of owners that satisfy `isOwner`: they no longer exist. */
  forget(isOwner: (owner: string) => boolean): void {
    const hadMistakes = this.mistakes.forget(isOwner)
    if (this.#changes.forget(isOwner) || hadMistakes) {
      this.#keep()
    }
  }

  /** Returns whether a user attached to all interfaces of a container. */
  byHandTo(id: string): boolean {
    return [...this.#all].some(({ request: { isOfAll, names } }) => isOfAll && names?.id === id)
  }

  /** Keeps what a client changed on a device. */
  changed(dev: NetDevice, change: DeviceChange): void {
    const attached = [...this.#all].find(each => each.dev === dev)
    if (attached === undefined) return
    const key = keyOf(attached.request, attached.place)
    const { podNetns: netns } = attached.request
    this.#setChange(key, { ...withChange(this.#changes.of(key), change), netns })
  }

  /**
   * Restores the attachments of the file, without the culprit of `mark`. Logs a line for each
   * interface that has changed since, and for the culprit: neither is attached again.
   */
  async restore(mark?: Mark): Promise<void> {
    this.#mark = mark
    const { kept, remembered, noted } = readState(this.#state, this.#net.log)
    for (const { owner, mistake } of noted) {
      if (isThere(mistake.netns)) {
        this.mistakes.restore(owner, mistake)
      }
    }
    for (const { owner, change } of remembered) {
      if (isThere(change.netns)) {
        this.#changes.set(owner, change)
      }
    }
    const paths = netnsPaths(kept.map(({ inode }) => inode))
    this.#lastNumber = Math.max(0, ...kept.map(({ number = 0 }) => number))
    const down: [Kept, netns: string | undefined][] = []
    const restore = async (each: Kept) => {
      const netns = paths.get(each.inode)
      const { request, number, away, change } = each
      if (change !== undefined) {
        this.#changes.set(keyOf(request, each), change)
      }
      try {
        if (netns === undefined && each.inode !== ownNamespace('net')) throw gone(request.name)
        if (away || (number !== undefined && number === mark?.culprit)) {
          this.#check(each, netns)
          this.#away = [...this.#away, { ...each, away: true }]
          this.#net.log.warn(printable(`not attached again: ${request.name}: ${AWAY}`))
        } else if (!(await this.#attachAgain(each, netns))) {
          this.#away = [...this.#away, each]
          down.push([each, netns])
        }
      } catch (error) {
        this.#forgetPlace(each)
        this.#net.log.warn(`not attached again: ${lineOf(error)}`)
      }
    }
    // One after the other: rtnetlink requests here would wait for the links of another attachment.
    for (const each of kept) {
      await restore(each)
    }
    this.#isKept = true
    for (const [each, netns] of down) {
      void this.#untilUp(each, netns)
    }
    this.#keep()
  }

  /** Ends all attachments; the file keeps them for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    const wasKept = this.#isKept
    await Promise.all(this.#endings)
    this.#isKept = false
    this.#isEnding = true
    await this.#queue
    const live = this.#live()
    await Promise.all([...this.#all].map(({ module }) => module.rmmod()))
    this.#stop()
    // From these counts the next daemon knows what passes meanwhile.
    if (wasKept) {
      this.#write(live.map(({ attached, kept }) => ({ ...kept, since: attached.since })))
    }
  }

  #check(kept: Kept, netns: string | undefined): void {
    const { name } = kept.request
    if (!isSame(this.#place(name, netns), kept)) throw gone(name)
  }

  /** Returns false if the interface is down. Throws a VnetError. */
  async #attachAgain(kept: Kept, netns: string | undefined): Promise<boolean> {
    try {
      this.#check(kept, netns)
      await this.#load(kept.request, netns, kept)
      return true
    } catch (error) {
      if (isErrno(error, ENETDOWN)) return false
      throw error
    }
  }

  /**
   * Attaches again to an interface that exists, as soon as it is up. Settles when it has looked
   * once.
   */
  async #untilUp(kept: Kept, netns: string | undefined): Promise<void> {
    const look = async () => {
      this.#away = this.#away.filter(each => each !== kept)
      try {
        if (!(await this.#attachAgain(kept, netns))) {
          this.#away = [...this.#away, kept]
        }
      } catch (error) {
        this.#forgetPlace(kept)
        // That the interface has gone is in the log.
        if (!isErrno(error, ENODEV, ENOENT)) {
          this.#net.log.warn(`not attached again: ${lineOf(error)}`)
        }
      }
      this.#keep()
    }
    // A request may attach or detach it.
    const isAwaited = () => !this.#isEnding && this.#away.includes(kept)
    const lookAgain = async () => {
      while (isAwaited()) {
        await setTimeout(AGAIN_MS, undefined, { ref: false })
        await this.inTurn(async () => isAwaited() && look())
      }
    }
    await this.inTurn(async () => this.#away.includes(kept) && look())
    void lookAgain()
  }

  /** Attaches, or attaches again what was kept. */
  async #load(request: AttachRequest, netns: string | undefined, kept?: Kept): Promise<Attached> {
    await Promise.all(this.#closing)
    const { name } = request
    const number = kept?.number ?? ++this.#lastNumber
    const place = this.#place(name, netns)
    const change = this.#changes.of(keyOf(request, place)) ?? {}
    const continuity = {
      since: kept?.since ?? (kept === undefined && request.fromStart ? NOTHING_COUNTED : undefined),
      ended: (since: Counted) => {
        attached.since = since
      },
    }
    const module = this.#insmod(request, { netns, number, change, continuity })
    const [dev] = module.devices as [NetDevice]
    const seed = dev.wires[0]?.runSeed
    // A seed that was drawn is kept like a given one.
    const drawn = seed === undefined ? {} : { seed: `${seed}` }
    const attached: Attached = {
      place,
      number,
      request: { ...request, ...drawn },
      module,
      dev,
      netns,
      isUp: false,
    }
    this.#all.add(attached)
    try {
      await module.up()
    } catch (error) {
      this.#all.delete(attached)
      await module.rmmod()
      throw error
    }
    attached.isUp = true
    this.#away = this.#away.filter(each => !isSame(each, place))
    // It may have ended meanwhile.
    if (!this.#all.has(attached)) {
      this.#leave(attached)
    }
    const { names } = request
    const owner = names === undefined ? '' : ` (${ownerText(names)}, ${names.interface})`
    if (kept !== undefined && kept.since === undefined) {
      this.mistakes.add(uncounted(place), {
        who: interfaceText(name, names),
        why: UNCOUNTED,
        pod: podOf(names),
        lasts: true,
      })
    }
    this.#net.log.info(
      `${name}: attached${owner}${isEmpty(change) ? '' : ', as a user changed it'}`,
    )
    return attached
  }

  /** Loads the driver with the wire of the request, or what a user has changed it to. */
  #insmod(request: AttachRequest, { netns, number, change, continuity }: Loading): Module {
    const { name, farSide = false, failOpen } = request
    const strangers = new StrangerResources(this.#files)
    const given = {
      ...paramsOf(request, strangers),
      farSide,
      ...(failOpen !== undefined && { failOpen }),
    }
    const params = { ...given, ...(change.only !== undefined && { only: change.only.text }) }
    const wireResources = filterResources(change, strangers)
    const options = { args: [name], netns, net: this.#net, txqs: 1, rxqs: 1, wireResources, params }
    const shown = this.#mark && { word: this.#mark.words, number }
    return inOneLine(name, strangers, () => {
      const module = insmod(attachDriver(shown, continuity), options) as Module
      applyChange(change, (module.devices as [NetDevice])[0])
      return module
    })
  }

  #setChange(key: string, change: Change): void {
    this.#changes.set(key, change)
    this.#keep()
  }

  /** Forgets the changes of a place that no longer exists, unless an owner will have another. */
  #forgetPlace({ request, ...place }: Kept): void {
    this.mistakes.forget(owner => owner === uncounted(place))
    if (request.owner === undefined || !isThere(request.podNetns)) {
      this.#changes.delete(keyOf(request, place))
    }
  }

  /** Returns the place of an interface. Throws a VnetError if it does not exist. */
  #place(name: string, netns: string | undefined): Place {
    return inNetns(this.native, netns, nsfd => {
      using sock = RouteSocket.open(this.native, nsfd)
      const link = getLink(sock, { name })
      if (link === undefined) {
        throw new VnetError(ENODEV, `attach ${name}`, 'there is no such interface')
      }
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
    const attached = [...this.#all].find(each => each.dev === dev)
    if (attached === undefined) return
    if (event === NETDEV_WIRE || event === NETDEV_CHANGE) {
      this.#followScenario(attached)
    }
    if (event !== NETDEV_UNREGISTER && event !== NETDEV_CHANGENAME) return
    if (event === NETDEV_UNREGISTER) {
      this.#all.delete(attached)
      if (attached.isUp) {
        this.#leave(attached)
      }
    }
    this.#keep()
  }

  /** A scenario may have replaced what a user changed. */
  #followScenario({ request, place, dev }: Attached): void {
    const key = keyOf(request, place)
    const change = this.#changes.of(key)
    if (request.scenario !== undefined && change !== undefined) {
      this.#setChange(key, stillInForce(change, dev))
    }
  }

  /** Keeps what has ended until its interface is up again. */
  #leave(attached: Attached): void {
    const kept = keptOf(attached)
    if (!this.#isEnding) {
      this.#away = [...this.#away, kept]
    }
    const { module, dev } = attached
    // After the present event, because it closes the event's source.
    const closing = Promise.resolve()
      .then(() => module.rmmod())
      .catch(error => this.#net.log.err(`${dev.name}: ${describeException(error)}`))
    const ending = closing.then(() => this.#ended(attached, kept))
    this.#closing.add(closing)
    this.#endings.add(ending)
    void closing.then(() => this.#closing.delete(closing))
    void ending.finally(() => this.#endings.delete(ending))
  }

  /** Settles when its interface has been looked at once. */
  async #ended(attached: Attached, kept: Kept): Promise<void> {
    // A request may have detached it meanwhile, or attached it again.
    if (!this.#away.includes(kept)) return
    const counted = { ...kept, since: attached.since }
    this.#away = this.#away.map(each => (each === kept ? counted : each))
    if (!this.#isEnding) {
      await this.#untilUp(counted, attached.netns)
    }
  }

  /** Writes the file, unless it is still being read. */
  #keep(): void {
    if (this.#isKept) {
      this.#write(this.#live().map(({ kept }) => kept))
    }
  }

  #live(): { attached: Attached; kept: Kept }[] {
    const up = [...this.#all].filter(({ dev }) => dev.regState === NETREG_REGISTERED)
    return up.map(attached => ({ attached, kept: keptOf(attached) }))
  }

  #write(live: readonly Kept[]): void {
    const attachments = this.#changes.withAttachments([...live, ...this.#away])
    try {
      writeState(this.#state, { ...attachments, noted: this.mistakes.lasting() })
    } catch (error) {
      this.#net.log.err(`attachments will not be back after a restart: ${describeException(error)}`)
    }
  }
}

const keptOf = ({ place, number, request, dev }: Attached): Kept => {
  return { ...place, number, request: { ...request, name: dev.name } }
}

const gone = (name: string) => new VnetError(ENODEV, name, 'it no longer exists')

const withPlace = (kept: Kept | undefined) => ({ place: kept, request: kept?.request })

const interfaceText = (name: string, owner: DeviceOwner | undefined): string =>
  `interface ${name}${owner === undefined ? '' : ` of ${ownerText(owner)}`}`

const podOf = (names: DeviceOwner | undefined): Pod | undefined =>
  names?.pod === undefined ? undefined : names

export const detachedText = ({ interface: inside }: DeviceOwner): string =>
  `${inside} has no wire, because a user detached it`

const isSame = (a: Place, b: Place): boolean => a.ifindex === b.ifindex && isSameNamespace(a, b)

const NOTHING_COUNTED: Counted = { counted: { in: 0, out: 0 }, bypassed: { in: 0, out: 0 } }
const UNCOUNTED =
  'vnet node was killed: frames passed without the wire, uncounted, until it was back'

/** Returns the key of the mistake that frames of a place have passed uncounted. */
const uncounted = (place: Place): string => `uncounted ${keyOf({ owner: undefined }, place)}`
