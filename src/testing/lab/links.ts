/** Links: the cables and segments of a lab, by numbers from which their addresses are made. */
import { UsageError } from '../../netdev/driver.ts'
import { parseIpv4 } from '../../packet/address.ts'
import type { Captures } from './captures.ts'
import type { Carrier } from './carrier.ts'
import { type Hosts, withoutPrefix } from './hosts.ts'
import type { LabCableOptions } from './lab.ts'
import { LabLan, type LabLanOptions, planLan } from './lan.ts'
import { LabLink } from './link.ts'
import { LabNamespace } from './namespace.ts'
import type { NatKind } from './nat-table.ts'
import { checkOptions } from './options.ts'
import type { EndSpec } from './protocol.ts'
import { setRoutes } from './routes.ts'
import { addressesOf, macOf } from './subnet.ts'

/** The most characters of a name of an interface. */
export const NAME_MAX = 15

/** What links need of their lab. */
interface LinksLab {
  readonly seed: number
  readonly carrier: Carrier
  readonly hosts: Hosts
  readonly captures: Captures
  /** Returns all namespaces. */
  namespaces(): readonly LabNamespace[]
}

const CABLE_OPTIONS: readonly (keyof LabCableOptions)[] = ['wire', 'wireAb', 'wireBa', 'mtu', 'capture', 'addresses']

export class Links {
  readonly #seed: number
  readonly #carrier: Carrier
  readonly #hosts: Hosts
  readonly #captures: Captures
  readonly #namespaces: () => readonly LabNamespace[]
  readonly #links = new Set<LabLink>()
  readonly #lans = new Set<LabLan>()
  /** The numbers of those that are up. */
  readonly #up = new Set<number>()
  #last = 0
  #isClosing = false

  constructor({ seed, carrier, hosts, captures, namespaces }: LinksLab) {
    this.#seed = seed
    this.#carrier = carrier
    this.#hosts = hosts
    this.#captures = captures
    this.#namespaces = namespaces
  }

  /** As Lab.cable. With `kind`, `a` translates. */
  async cable(a: LabNamespace, b: LabNamespace, options: LabCableOptions, kind?: NatKind): Promise<LabLink> {
    for (const end of [a, b]) {
      if (!(end instanceof LabNamespace)) throw new UsageError(`cable: ${String(end)} is not a namespace of the lab`)
    }
    if (a === b) throw new UsageError(`cable: ${a.name} cannot be joined to itself`)
    checkOptions('cable', options, CABLE_OPTIONS)
    const link = ++this.#last
    const { wire = '', wireAb: ab = wire, wireBa: ba = wire, mtu, capture = false } = options
    const [ofA, ofB] = options.addresses ?? [addressesOf(link, 1, mtu), addressesOf(link, 2, mtu)]
    // At once, so that two cables that are made together do not take the same name.
    const atA = takeInterface(a, b.name, link, ofA)
    const atB = takeInterface(b, a.name, link, ofB)
    const onClose = () => {
      this.#up.delete(link)
      for (const host of [a, b]) host.removeLink(link)
      if (!this.#isClosing) this.#hosts.update()
    }
    const endA: EndSpec = { host: a.name, path: `${a.path}/${atA}`, mac: macOf(link, 1), addresses: ofA }
    const endB: EndSpec = { host: b.name, path: `${b.path}/${atB}`, mac: macOf(link, 2), addresses: ofB }
    try {
      const seed = this.#seedOf(link)
      const file = capture ? this.#captures.add(a.name, b.name) : undefined
      const nat = kind && { kind, address: ipv4Of(ofA) }
      const id = await this.#carrier.call('cable', { a: endA, b: endB, ab, ba, seed, mtu, nat, capture: file })
      const made: LabLink = new LabLink(this.#carrier, id, () => {
        this.#links.delete(made)
        onClose()
      })
      this.#links.add(made)
      a.addNeighbours(atA, ofB, endB.mac)
      b.addNeighbours(atB, ofA, endA.mac)
      this.#hosts.update()
      this.#up.add(link)
      setRoutes(this.#namespaces(), this.#up)
      return made
    } catch (error) {
      onClose()
      throw error
    }
  }

  /** As Lab.lan. */
  async lan(options: LabLanOptions, namespaces: readonly LabNamespace[]): Promise<LabLan> {
    if (namespaces.length === 0) throw new UsageError('lan: name the namespaces that are joined to it')
    if (new Set(namespaces).size !== namespaces.length) throw new UsageError('lan: a namespace is named twice')
    const link = ++this.#last
    const names = namespaces.map(({ name }) => name)
    const plan = planLan(link, names, options)
    const ports = namespaces.map((host, i): EndSpec => {
      const addresses = plan.addresses[i] ?? []
      const name = takeInterface(host, 'lan', link, addresses)
      return { host: host.name, path: `${host.path}/${name}`, mac: macOf(link, i + 1), addresses }
    })
    const forget = (host: LabNamespace) => {
      host.removeLink(link)
      if (!this.#isClosing) this.#hosts.update()
    }
    try {
      const spec = { ports, file: plan.file, wire: options.wire ?? '', seed: this.#seedOf(link) }
      const ids = await this.#carrier.call('lan', spec)
      const links = new Map(
        namespaces.map((host, i) => {
          const port: LabLink = new LabLink(this.#carrier, ids.ports[i] as number, () => {
            this.#links.delete(port)
            forget(host)
          })
          this.#links.add(port)
          return [host, port]
        }),
      )
      const made: LabLan = new LabLan(plan, links, async () => {
        this.#lans.delete(made)
        this.#up.delete(link)
        await this.#carrier.call('closeLan', ids.lan)
      })
      this.#lans.add(made)
      this.#hosts.update()
      if (plan.file.dns !== false) for (const host of namespaces) this.#hosts.setResolver(host, plan.gateway)
      this.#up.add(link)
      setRoutes(this.#namespaces(), this.#up)
      return made
    } catch (error) {
      for (const host of namespaces) forget(host)
      throw error
    }
  }

  /** Closes all of them. */
  async close(): Promise<void> {
    this.#isClosing = true
    await Promise.all([...this.#lans].map(lan => lan.close()))
    await Promise.all([...this.#links].map(link => link.close()))
  }

  /** Returns a seed of at least 1: wires take 0 as one at random. */
  #seedOf(link: number): number {
    return (Math.abs(this.#seed * 1000 + link) % (2 ** 31 - 1)) + 1
  }
}

/**
 * Gives a namespace an interface of a name that is free: `name`, `name2`, `name3` ... Returns it.
 */
function takeInterface(host: LabNamespace, name: string, link: number, addresses: readonly string[]): string {
  const taken = new Set(['lo', ...host.interfaces.map(each => each.name)])
  let free = name
  for (let n = 2; taken.has(free); n++) free = name.slice(0, NAME_MAX - String(n).length) + n
  host.addInterface({ link, name: free, addresses })
  return free
}

/** Returns the first IPv4 address of a list, which has one: a NAT needs it. */
function ipv4Of(addresses: readonly string[]): number {
  const [found] = addresses.map(text => parseIpv4(withoutPrefix(text))).filter(address => address !== undefined)
  if (found === undefined) throw new UsageError('a NAT needs an IPv4 address outside')
  return found
}
