/** Links: the cables and segments of a lab, by numbers from which their addresses are made. */
import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { formatAddress, UsageError } from 'vnet'
import { pairSeed } from 'vnet/kit/base'
import { schema } from 'vnet/kit/config'
import { checkAddresses } from 'vnet/kit/net'
import { toPrefix } from 'vnet/kit/packet'
import type { Direction } from 'vnet/wire'
import type { WatchedLink } from '../carrier/packet-watch.ts'
import type { EndSpec, LinkSpec, WatchSpec } from '../carrier/protocol.ts'
import type { LabCaptures } from '../model/captures.ts'
import { type HostsFile, ipv4Of, NAME_MAX } from '../model/hosts.ts'
import type { Forms, HostVerb, PlannedFault } from '../model/index.ts'
import { ANY, addressesOf, checkForms, externalNetwork, macOf, shown } from '../model/index.ts'
import type { NatSpec } from '../nat/nat-table.ts'
import type { Sysctl } from '../world/host-stack.ts'
import { type Routed, Routes } from '../world/routes.ts'
import { directionsOf, filtersOf, type LabLinkOptions, LINK_OPTIONS } from '../world/wire-spec.ts'
import type { LabWorld } from '../world/world.ts'
import type { LabFault } from './fault.ts'
import { LabHost } from './host.ts'
import { LAN_OPTIONS, LabLan, type LabLanOptions, planLan } from './lan.ts'
import { type DropLine, LabLink, type LinkLab } from './link.ts'

/** A wire of one link, by its name, or of all links. */
export type ExtraWire = Readonly<{ link?: string | undefined; ab: string; ba: string }>

/**
 * Settings of a lab besides its options, which fixtures, explore and `vnet run` make. A lab of
 * createLab has none of them.
 */
export interface LabSetup {
  /** Faults of packets. The packets of all links are then recorded by name. */
  readonly plan?: readonly PlannedFault[] | undefined
  /** In a guest, whether its host replaces the plan before the first packet of it. */
  readonly stops?: boolean | undefined
  /** The faults of hosts that its hosts must be able to have. Programs then start accordingly. */
  readonly hostFaults?: readonly HostVerb[] | undefined
  /** With a plan, wires in front of the wires of the links. */
  readonly wires?: readonly ExtraWire[] | undefined
  /** Settings of each host. Settings that the kernel does not have are left out. */
  readonly sysctls?: readonly Sysctl[] | undefined
  /** The directory in which every link is recorded; undefined for none. */
  readonly captures?: string | undefined
  /** Whether other processes do not see the lab. */
  readonly isHidden?: boolean
  /** Is called when a program is refused in memory, for lack of a kernel, with the reason. */
  readonly onRefused?: (why: Error) => void
  /** Whether the lab's thread, which then must not be busy, carries the frames of the kernel. */
  readonly isOwnCarrier?: boolean
  /** Is called with the lab's directory, which is removed when the lab is closed. */
  readonly onDirectory?: (directory: string) => void
}

/**
 * The options of lab.cable, which rejects with a UsageError for one that it does not understand.
 */
export interface LabCableOptions extends LabLinkOptions {
  /**
   * The addresses of both ends, with their prefixes: `[['192.0.2.1/24'], ['192.0.2.2/24']]`. The
   * default is a subnet of 198.18.0.0/15 and of 2001:db8::/32 for each link.
   */
  readonly addresses?: readonly [readonly string[], readonly string[]]
}

/** The parts of a lab that its hosts and links share. */
export interface LabParts {
  /** Empty for a hidden lab. */
  readonly name: string
  readonly seed: number
  readonly world: LabWorld
  readonly hostsFile: HostsFile
  readonly captures: LabCaptures
  readonly setup: LabSetup
  /** All hosts, to which the lab adds. */
  readonly hosts: readonly LabHost[]
}

/** The differences between a cable of a lab and one of a router. */
interface CableKind {
  readonly translator?: Omit<NatSpec, 'address'> | undefined
  /** The end that is a NAT64, which the cable is inside. */
  readonly nat64?: LabHost | undefined
  readonly isInternal?: boolean
}

export const CABLE_OPTIONS: Forms<LabCableOptions> = {
  ...LINK_OPTIONS,
  addresses: { ...ANY, schema: schema.list(schema.list(schema.anyText)) },
}

/**
 * Throws a UsageError for options of a cable that are not understood, or addresses that cannot be
 * on one link.
 */
export function checkCableOptions(options: LabCableOptions): void {
  checkForms('cable', options, CABLE_OPTIONS)
  const { addresses } = options
  if (addresses === undefined) return
  if (!Array.isArray(addresses) || addresses.length !== 2 || !addresses.every(Array.isArray)) {
    const given = inspect(addresses, { breakLength: Number.POSITIVE_INFINITY })
    const form = "[['192.0.2.1/24'], ['192.0.2.2/24']]"
    throw new UsageError(`cable: addresses ${given}: give a list for each end: ${form}`)
  }
  for (const ofEnd of addresses) {
    checkAddresses(ofEnd)
  }
  const [ofA, ofB] = addresses.map(ofEnd =>
    ofEnd.map(text => formatAddress(toPrefix(text).bytes)),
  ) as [string[], string[]]
  const common = ofA.find(each => ofB.includes(each))
  if (common !== undefined) throw new UsageError(`cable: both ends have the address ${common}`)
}

/**
 * All links of a lab: makes and closes them, numbers their networks, and keeps the routes to them.
 */
export class Links {
  stages: readonly string[]
  readonly lab: LabParts
  /** Different in each lab of a thread, whatever their names. */
  readonly watchId = randomUUID()
  readonly #names = new Map<string, number>()
  readonly #segmentNames = new Map<string, number>()
  readonly #links = new Set<LabLink>()
  readonly #faults = new Set<LabFault>()
  readonly #lans = new Set<LabLan>()
  readonly #making = new Set<Promise<unknown>>()
  readonly #up = new Set<number>()
  readonly #routes = new Routes()
  /** Sets the hardware addresses at the ends of each cable. */
  readonly #resolve = new Map<number, () => void>()
  /** The numbers of links that are up, but that names and routes do not lead to yet. */
  readonly #waiting = new Set<number>()
  #last = 0
  #isClosing = false

  constructor(lab: LabParts, stages: readonly string[]) {
    this.lab = lab
    this.stages = stages
  }

  /**
   * Same as Lab.cable. With `translator`, `a` translates. With `nat64` it has only IPv6, with
   * `isInternal` addresses inside an NPTv6 router.
   */
  async cable(
    a: LabHost,
    b: LabHost,
    options: LabCableOptions,
    { translator, nat64, isInternal }: CableKind = {},
  ): Promise<LabLink> {
    this.checkEnds('cable', [a, b])
    checkCableOptions(options)
    const link = ++this.#last
    const [ofA, ofB] =
      options.addresses ??
      ([1, 2].map(host => {
        const own = addressesOf(link, host, options.mtu, isInternal)
        return own.filter(each => nat64 === undefined || each.includes(':'))
      }) as [string[], string[]])
    const name = this.#nameOf(`${a.name}-${b.name}`)
    // Immediately, so that two cables that are made together do not take the same name.
    const endA = endOf(a, takeInterface(a, b.name, link, ofA), macOf(link, 1), ofA)
    const endB = endOf(b, takeInterface(b, a.name, link, ofB), macOf(link, 2), ofB)
    const onClose = () => {
      this.#up.delete(link)
      this.#resolve.delete(link)
      this.#forget(link, [a, b])
    }
    const resolve = () => {
      a.addNeighbours(endA.name, ofB, endB.mac)
      b.addNeighbours(endB.name, ofA, endA.mac)
    }
    let made: LabLink | undefined
    try {
      const common = await this.#specOf(link, options, a.name, b.name)
      const watch = await this.#watchOf(name, [a.name, b.name])
      const nat = translator && { ...translator, ...placeOf(translator, link, ofA) }
      const { name: at, mac } = nat64 === a ? endA : endB
      const pref64 = nat64 && { name: at, mac, nsfd: nat64.stack.number }
      const spec = { ...common, a: endA, b: endB, nat, watch, pref64 }
      const id = await this.#made(this.lab.world.caller.call('cable', spec))
      made = this.#add(id, {
        name,
        ends: [a.name, b.name],
        seedOf: seed => seedOf(seed, link),
        onClose,
        onUp: resolve,
      })
      this.#resolve.set(link, resolve)
      resolve()
      a.stack.routeGroups(endA.name)
      b.stack.routeGroups(endB.name)
      await this.#lead(link)
      return made
    } catch (error) {
      if (made === undefined) {
        onClose()
      } else {
        await made.close()
      }
      throw error
    }
  }

  /** Returns the part of a spec that cables and segments have. `names` name the capture. */
  async #specOf(
    link: number,
    options: LabLinkOptions,
    ...names: readonly string[]
  ): Promise<LinkSpec> {
    const { name: lab, world, captures } = this.lab
    const { wire = '', mtu, capture = captures.isAll } = options
    const { ab = '', ba = '' } = directionsOf(wire)
    const file = capture ? captures.add(...names) : undefined
    const filters = await filtersOf({ ab, ba }, world.caller)
    return {
      lab,
      ab,
      ba,
      filters,
      stages: this.stages,
      seed: seedOf(this.lab.seed, link),
      mtu,
      capture: file,
    }
  }

  #forget(link: number, hosts: readonly LabHost[]): void {
    for (const host of hosts) {
      host.removeLink(link)
      if (!this.#isClosing) {
        this.lab.hostsFile.setResolver(host, link, undefined)
      }
    }
    if (!this.#isClosing) {
      this.lab.hostsFile.update()
    }
  }

  /** Returns a name for one more link or segment: `client-server`, `client-server.2`. */
  #nameOf(name: string, names = this.#names): string {
    const number = (names.get(name) ?? 0) + 1
    names.set(name, number)
    return number === 1 ? name : `${name}.${number}`
  }

  async #watchOf(name: string, ends: readonly [string, string]): Promise<WatchSpec | undefined> {
    const { plan, stops, wires = [] } = this.lab.setup
    if (plan === undefined) return undefined
    const own = wires.filter(({ link }) => link === undefined || link === name)
    const textOf = (direction: Direction) =>
      own.flatMap(wire => (wire[direction] === '' ? [] : wire[direction])).join(' | ')
    const texts = { ab: textOf('ab'), ba: textOf('ba') }
    const filters = await filtersOf(texts, this.lab.world.caller)
    const hosts = this.lab.hosts.flatMap(host =>
      host.addresses.map(address => [address, host.name] as const),
    )
    return { lab: this.watchId, link: name, ends, hosts, plan, stops, ...texts, filters }
  }

  /** Same as Lab.watched. */
  async watched(): Promise<ReadonlyMap<string, WatchedLink>> {
    const all = [...this.#links].map(async link => [link.name, await link.watched()] as const)
    return new Map(
      (await Promise.all(all)).flatMap(([name, watched]) => (watched ? [[name, watched]] : [])),
    )
  }

  /** Same as Lab.missedFaults. */
  get missedFaults(): readonly string[] {
    return [...this.#faults].flatMap(fault => fault.missed ?? [])
  }

  #add(id: number, lab: Omit<LinkLab, 'faults'>): LabLink {
    const made: LabLink = new LabLink(this.lab.world.caller, id, {
      ...lab,
      faults: this.#faults,
      onClose: () => {
        this.#links.delete(made)
        lab.onClose()
      },
    })
    this.#links.add(made)
    return made
  }

  /**
   * Makes names and routes lead to a link, which is up. Links that are made together wait for each
   * other, and the first one does it for all, because each update visits all hosts.
   */
  async #lead(link: number): Promise<void> {
    this.#waiting.add(link)
    await Promise.allSettled(this.#making)
    if (!this.#waiting.has(link)) return
    const together = [...this.#waiting]
    this.#waiting.delete(link)
    try {
      this.#route(together)
      this.#waiting.clear()
    } catch (error) {
      if (together.length === 1) throw error
      // The kernel may refuse the routes of another link, so each link sets its own.
      this.#route([link])
    } finally {
      // Names depend on routes to a NAT64.
      this.lab.hostsFile.update()
    }
  }

  /** Makes routes lead to these links. If it throws a VnetError, they lead to none of them. */
  #route(links: readonly number[]): void {
    for (const link of links) {
      this.#up.add(link)
    }
    try {
      this.#routes.update(this.lab.hosts, this.#up)
    } catch (error) {
      for (const link of links) {
        this.#up.delete(link)
      }
      throw error
    }
  }

  /** Same as LabRouter.openWayOut. Links that are made meanwhile wait for it. */
  openWayOut(
    router: { openWayOut(directory: string): Promise<void> },
    directory: string,
  ): Promise<void> {
    return this.#made(router.openWayOut(directory))
  }

  #made<T>(making: Promise<T>): Promise<T> {
    this.#making.add(making)
    const made = () => this.#making.delete(making)
    making.then(made, made)
    return making
  }

  /** Throws a UsageError unless these are hosts of the lab, each named once. */
  checkEnds(what: string, ends: readonly LabHost[]): void {
    const own = this.lab.hosts
    for (const end of ends) {
      if (end instanceof LabHost && own.includes(end)) continue
      const given = end instanceof LabHost ? `${end.name}, of another lab,` : shown(end)
      throw new UsageError(`${what}: ${given} is not a host of the lab`)
    }
    const twice = ends.find((end, i) => ends.indexOf(end) !== i)
    if (twice !== undefined) throw new UsageError(`${what}: ${twice.name} is named twice`)
  }

  /** Same as Lab.segment. */
  async lan(
    options: LabLanOptions,
    ends: readonly LabHost[],
    segmentName: string,
  ): Promise<LabLan> {
    if (typeof options !== 'object' || options === null || options instanceof LabHost) {
      throw new UsageError(
        'lan(options, ...hosts): the options are missing; {} stands for the defaults',
      )
    }
    this.checkEnds('lan', ends)
    checkForms('lan', options, LAN_OPTIONS)
    if (ends.length === 0) throw new UsageError('lan: name the hosts that are joined to it')
    const link = ++this.#last
    const names = ends.map(({ name }) => name)
    const plan = planLan(link, names, options)
    const ports = ends.map((host, i) => {
      const addresses = plan.addresses[i] ?? []
      return endOf(host, takeInterface(host, 'lan', link, addresses), macOf(link, i + 1), addresses)
    })
    const linkNames = names.map(name => this.#nameOf(`${name}-lan`))
    let made: LabLan | undefined
    try {
      const common = await this.#specOf(link, options, 'lan')
      const watches = (
        await Promise.all(
          linkNames.map((name, i) => this.#watchOf(name, [names[i] as string, 'lan'])),
        )
      ).flatMap(each => each ?? [])
      const spec = {
        ...common,
        name: this.#nameOf(segmentName, this.#segmentNames),
        ports,
        file: plan.file,
        watches,
      }
      const ids = await this.#made(this.lab.world.caller.call('lan', spec))
      const add = (host: LabHost, i: number) =>
        this.#add(ids.ports[i] as number, {
          name: linkNames[i] as string,
          ends: [host.name, 'lan'],
          seedOf: seed => pairSeed(seedOf(seed, link), i),
          onClose: () => this.#forget(link, [host]),
        })
      const links = new Map(ends.map((host, i) => [host, add(host, i)]))
      const lan: LabLan = new LabLan(plan, links, async () => {
        this.#lans.delete(lan)
        this.#up.delete(link)
        await this.lab.world.caller.call('closeLan', ids.lan)
      })
      made = lan
      this.#lans.add(lan)
      for (const [i, { name }] of ports.entries()) {
        ends[i]?.stack.routeGroups(name)
      }
      if (plan.file.dns !== false) {
        for (const host of ends) {
          this.lab.hostsFile.setResolver(host, link, plan.gateway)
        }
      }
      await this.#lead(link)
      return lan
    } catch (error) {
      if (made === undefined) {
        this.#forget(link, ends)
      } else {
        await made.close()
      }
      throw error
    }
  }

  /** Same as LabHost.switchTo. */
  switchTo(host: LabHost, uplink: LabHost): void {
    this.checkEnds('switchTo', [host, uplink])
    if (isRouter(host)) {
      throw new UsageError(`switchTo: ${host.name} is a router: only hosts switch`)
    }
    const routers = this.lab.hosts.filter(isRouter)
    const hasLink = ({ interfaces }: LabHost, link: number) =>
      interfaces.some(each => each.link === link)
    const uplinks = host.interfaces.filter(({ link }) => routers.some(each => hasLink(each, link)))
    if (!isRouter(uplink) || !uplinks.some(({ link }) => hasLink(uplink, link))) {
      const known = routers
        .filter(each => uplinks.some(({ link }) => hasLink(each, link)))
        .map(each => each.name)
      throw new UsageError(
        `switchTo: ${uplink.name} is not an uplink of ${host.name}; it has ${known.join(', ')}`,
      )
    }
    for (const { link, name } of uplinks.filter(each => hasLink(uplink, each.link))) {
      const other = routers.find(each => each !== uplink && hasLink(each, link))
      if (other === undefined) continue
      // Replies to IPv6 packets would return by either of them.
      const both = `${uplink.name} and ${other.name} are both on the link ${name} of ${host.name}`
      throw new UsageError(`switchTo: ${both}: give each uplink a link of its own`)
    }
    for (const { link } of uplinks.filter(each => !hasLink(uplink, each.link))) {
      host.shut(link)
      this.#routes.forget(host, link)
    }
    const opened = uplinks.filter(({ link }) => hasLink(uplink, link) && host.open(link))
    for (const { link } of opened) {
      this.#resolve.get(link)?.()
    }
    this.#routes.update(this.lab.hosts, this.#up)
    this.lab.hostsFile.update()
  }

  /** Same as Lab.drops, with the drops of firewalls. */
  async drops(ofFirewalls: readonly DropLine[]): Promise<readonly string[]> {
    const lists = await Promise.all([...this.#links].map(link => link.dropLines()))
    const all = [...lists.flat(), ...ofFirewalls].sort((a, b) => b.packets - a.packets)
    return all.map(({ text }) => text)
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await Promise.all([...this.#lans, ...this.#links].map(each => each.close()))
  }
}

/** Returns a seed of at least 1, because wires take 0 as a random seed. */
const seedOf = (seed: number, link: number): number =>
  (Math.abs(seed * 1000 + link) % (2 ** 31 - 1)) + 1

const isRouter = (each: Routed): boolean => each.isRouter === true

function endOf(host: LabHost, name: string, mac: Uint8Array, addresses: readonly string[]) {
  const end: EndSpec = {
    host: host.name,
    isRouter: isRouter(host),
    path: `${host.stack.path}/${name}`,
    mac,
    addresses,
  }
  return { ...end, name }
}

/** Returns the addresses between which a translator is. */
function placeOf({ kind }: Pick<NatSpec, 'kind'>, link: number, inside: readonly string[]) {
  return kind === 'nptv6'
    ? { address: 0, external: externalNetwork(link).bytes }
    : { address: ipv4Of(inside) }
}

/** Gives a host an interface with a free name: `name`, `name2`, `name3` ... Returns the name. */
function takeInterface(
  host: LabHost,
  name: string,
  link: number,
  addresses: readonly string[],
): string {
  // The kernel refuses `all` and `default`, which are directories of sysctl(8) beside interfaces.
  const taken = new Set(['lo', 'all', 'default', ...host.interfaces.map(each => each.name)])
  let free = name.slice(0, NAME_MAX)
  for (let n = 2; taken.has(free); n++) {
    free = name.slice(0, NAME_MAX - String(n).length) + n
  }
  host.addInterface({ link, name: free, addresses })
  return free
}
