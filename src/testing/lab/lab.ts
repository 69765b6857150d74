/** Lab: namespaces and the links between them, for a test. */
import { rmSync } from 'node:fs'
import { loadNative, type Native } from '../../linux/native.ts'
import { UsageError } from '../../netdev/driver.ts'
import { parseIpv4 } from '../../packet/address.ts'
import { Captures } from './captures.ts'
import type { Carrier } from './carrier.ts'
import { LabUnavailableError } from './errors.ts'
import { Hosts, withoutPrefix } from './hosts.ts'
import { LabLan, type LabLanOptions, planLan } from './lan.ts'
import { makeLabDirectory, removeLeftovers } from './leftovers.ts'
import { LabLink } from './link.ts'
import { masquerade } from './masquerade.ts'
import { LabNamespace } from './namespace.ts'
import type { NatKind } from './nat-table.ts'
import type { EndSpec } from './protocol.ts'
import { whyNoLab } from './rights.ts'
import { LabRouter, type LabRouterOptions } from './router.ts'
import { setRoutes } from './routes.ts'
import { addressesOf, macOf } from './subnet.ts'
import { type Made, makeTopology, type Topology } from './topology.ts'

export interface LabOptions {
  /** The seed of all random decisions, a whole number: the same seed, the same drops. Default 1. */
  readonly seed?: number
  /** Ends the lab when it aborts. */
  readonly signal?: AbortSignal
}

export interface LabCableOptions {
  /** What the wire does in both directions, in words: `delay 20ms loss 1%`. */
  readonly wire?: string
  /** The same only from the first namespace to the second. */
  readonly wireAb?: string
  /** The same only from the second namespace to the first. */
  readonly wireBa?: string
  /** Of both interfaces. 1500 by default; below 1280 there is no IPv6. */
  readonly mtu?: number
  /**
   * Records its frames at both ends. The file is removed with the lab unless keepCaptures is
   * called.
   */
  readonly capture?: boolean
  /**
   * The addresses of both ends, with their prefixes: `[['192.0.2.1/24'], ['192.0.2.2/24']]`. By
   * default of 198.18.0.0/15 and 2001:db8::/32, a subnet for each link.
   */
  readonly addresses?: readonly [readonly string[], readonly string[]]
}

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i
/** As long as the name of an interface. */
const NAME_MAX = 15

export class Lab implements AsyncDisposable {
  /** The seed of all random decisions. */
  readonly seed: number
  readonly #native: Native
  readonly #carrier: Carrier
  readonly #directory: string
  readonly #hosts: Hosts
  readonly #captures: Captures
  readonly #namespaces = new Map<string, LabNamespace>()
  readonly #links = new Set<LabLink>()
  readonly #lans = new Set<LabLan>()
  /** The numbers of the links that are up. */
  readonly #up = new Set<number>()
  /** Links that are being made. */
  readonly #making = new Set<Promise<unknown>>()
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = () => void this.close().catch(() => {})
  #lastLink = 0
  #closed: Promise<void> | undefined

  private constructor(native: Native, carrier: Carrier, { seed = 1, signal }: LabOptions) {
    if (!Number.isSafeInteger(seed)) throw new UsageError(`seed ${seed}: not a whole number`)
    this.seed = seed
    this.#native = native
    this.#carrier = carrier
    this.#directory = makeLabDirectory()
    this.#hosts = new Hosts(this.#directory)
    this.#captures = new Captures(this.#directory)
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** @internal As createLab. The lab releases `carrier`, also if this rejects. */
  static async start(carrier: Carrier, options: LabOptions): Promise<Lab> {
    try {
      const native = loadNative()
      const why = await whyNoLab(native)
      if (why !== undefined) throw new LabUnavailableError(why)
      options.signal?.throwIfAborted()
      removeLeftovers()
      return new Lab(native, carrier, options)
    } catch (error) {
      carrier.release()
      throw error
    }
  }

  /** Creates namespaces of these names, by which they find each other. */
  namespaces<const Names extends readonly string[]>(...names: Names): { [K in keyof Names]: LabNamespace } {
    const make = (name: string) => new LabNamespace(name, { native: this.#native, hosts: this.#hosts })
    return this.#add(names, make) as { [K in keyof Names]: LabNamespace }
  }

  /**
   * Creates a namespace that forwards packets, and joins it to those that are named. Each namespace
   * of the lab has routes to the networks behind its routers, also to those that are added later.
   * There are none from outside to IPv4 hosts behind a NAT. Rejects with a UsageError for wrong
   * options, and with a VnetError if the kernel refuses.
   */
  async router(name: string, options: LabRouterOptions = {}): Promise<LabRouter> {
    const make = () => new LabRouter(name, { native: this.#native, hosts: this.#hosts }, options)
    const [router] = this.#add([name], make) as [LabRouter]
    const { inside = [], outside, nat } = options
    const joined = inside.map(async host => router.addLink(host, await this.cable(host, router)))
    if (outside !== undefined) {
      const kind = nat === 'masquerade' ? undefined : nat
      const link = await this.#made(this.#cable(router, outside, {}, kind))
      router.addLink(outside, link)
      if (nat === 'masquerade') masquerade(router.place, router.outer?.name ?? '')
    }
    await Promise.all(joined)
    return router
  }

  /**
   * Creates a segment of `vnet lan`, with its gateway, DHCP, DNS and hosts, and joins namespaces to
   * it. Each has an interface `lan`, and asks the gateway for names. Rejects with a UsageError for
   * wrong options; nothing is left then.
   */
  lan(options: LabLanOptions, ...namespaces: readonly LabNamespace[]): Promise<LabLan> {
    return this.#made(this.#lan(options, namespaces))
  }

  /**
   * Creates a whole network: `{ namespaces, routers, cables, lans }`, in which things refer to each
   * other by name. Returns what was made under the same names. Rejects with a UsageError for an
   * unknown name.
   */
  topology<const T extends Topology>(topology: T): Promise<Made<T>> {
    return makeTopology(this, topology)
  }

  #add<N extends LabNamespace>(names: readonly string[], make: (name: string) => N): N[] {
    if (this.#closed !== undefined) throw new Error('the lab has ended')
    for (const [i, name] of names.entries()) {
      if (!NAME.test(name) || name.length > NAME_MAX) {
        throw new UsageError(`namespace '${name}': a name has 1 to ${NAME_MAX} letters, digits and inner hyphens`)
      }
      if (this.#namespaces.has(name) || names.indexOf(name) !== i || name === 'localhost') {
        throw new UsageError(`namespace '${name}': the name is taken`)
      }
    }
    const made = names.map(name => {
      const namespace = make(name)
      this.#namespaces.set(name, namespace)
      return namespace
    })
    this.#hosts.add(...made)
    return made
  }

  /**
   * Joins two namespaces by a cable. At each end there is an interface with the name of the other
   * namespace (`server2` if that is taken). Both are up, with a carrier and addresses, when it
   * returns. Rejects with a UsageError for wrong words; nothing is left then.
   */
  cable(a: LabNamespace, b: LabNamespace, options: LabCableOptions = {}): Promise<LabLink> {
    return this.#made(this.#cable(a, b, options))
  }

  /** Has the end of the lab wait for what is being made. */
  #made<T>(making: Promise<T>): Promise<T> {
    this.#making.add(making)
    const made = () => this.#making.delete(making)
    making.then(made, made)
    return making
  }

  /**
   * Keeps the captures of its links, which are otherwise removed with the lab: call it when a test
   * has failed. Returns their paths. The files are there, and complete, when the lab has ended.
   */
  keepCaptures(): readonly string[] {
    return this.#captures.keep()
  }

  /** Ends everything that the lab has made. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #cable(a: LabNamespace, b: LabNamespace, options: LabCableOptions, kind?: NatKind): Promise<LabLink> {
    if (this.#closed !== undefined) throw new Error('the lab has ended')
    if (a === b) throw new UsageError(`cable: ${a.name} cannot be joined to itself`)
    const link = ++this.#lastLink
    const { wire = '', wireAb: ab = wire, wireBa: ba = wire, mtu, capture = false } = options
    const [ofA, ofB] = options.addresses ?? [addressesOf(link, 1, mtu), addressesOf(link, 2, mtu)]
    // At once, so that two cables that are made together do not take the same name.
    const atA = takeInterface(a, b.name, link, ofA)
    const atB = takeInterface(b, a.name, link, ofB)
    const onClose = () => {
      this.#up.delete(link)
      for (const host of [a, b]) host.removeLink(link)
      if (this.#closed === undefined) this.#hosts.update()
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
      setRoutes([...this.#namespaces.values()], this.#up)
      return made
    } catch (error) {
      onClose()
      throw error
    }
  }

  async #lan(options: LabLanOptions, namespaces: readonly LabNamespace[]): Promise<LabLan> {
    if (this.#closed !== undefined) throw new Error('the lab has ended')
    if (namespaces.length === 0) throw new UsageError('lan: name the namespaces that are joined to it')
    const link = ++this.#lastLink
    const names = namespaces.map(({ name }) => name)
    const plan = planLan(link, names, options)
    const ports = namespaces.map((host, i): EndSpec => {
      const addresses = plan.addresses[i] ?? []
      const name = takeInterface(host, 'lan', link, addresses)
      return { host: host.name, path: `${host.path}/${name}`, mac: macOf(link, i + 1), addresses }
    })
    const forget = (host: LabNamespace) => {
      host.removeLink(link)
      if (this.#closed === undefined) this.#hosts.update()
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
      setRoutes([...this.#namespaces.values()], this.#up)
      return made
    } catch (error) {
      for (const host of namespaces) forget(host)
      throw error
    }
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    try {
      await Promise.allSettled(this.#making)
      await Promise.all([...this.#namespaces.values()].map(namespace => namespace.close()))
      await Promise.all([...this.#lans].map(lan => lan.close()))
      await Promise.all([...this.#links].map(link => link.close()))
    } finally {
      this.#captures.move()
      rmSync(this.#directory, { recursive: true, force: true })
      this.#carrier.release()
    }
  }

  /** Returns a seed of at least 1: wires take 0 as one at random. */
  #seedOf(link: number): number {
    return (Math.abs(this.seed * 1000 + link) % (2 ** 31 - 1)) + 1
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
