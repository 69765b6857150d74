/** Lab: hosts and the links between them, for a test. */
import { resolve } from 'node:path'
import { UsageError } from 'vnet'
import { traceOf } from 'vnet/kit/base'
import type { LinkCaller } from '../carrier/lab-calls.ts'
import type { WatchedLink } from '../carrier/packet-watch.ts'
import { LabCaptures } from '../model/captures.ts'
import { checkName, HostsFile } from '../model/hosts.ts'
import { type Forms, SIGNAL, WHOLE_NUMBER, wordOf } from '../model/options.ts'
import { warnOfAddons } from '../world/node-programs.ts'
import { type LabWorld, thrownAt, WORLDS, type WorldName } from '../world/world.ts'
import { LabHost } from './host.ts'
import { LabLan, type LabLanOptions } from './lan.ts'
import { LabLink } from './link.ts'
import { type LabCableOptions, type LabParts, type LabSetup, Links } from './links.ts'
import { membersOf, promised } from './promised.ts'
import { checkRouterOptions, LabRouter, type LabRouterOptions } from './router.ts'
import {
  type CableEntry,
  checkTopology,
  type LanEntry,
  type Made,
  type Topology,
} from './topology.ts'

const LINK_MEMBERS = membersOf(LabLink, 'ab', 'ba', 'on', 'once')
const LAN_MEMBERS = membersOf(LabLan, 'gateway', 'network', 'network6')
const ROUTER_MEMBERS = [...membersOf(LabRouter), ...membersOf(LabHost, 'name', 'interfaces')]

/**
 * The options of createLab, which rejects with a UsageError for one that it does not understand.
 */
export interface LabOptions {
  /** Names its links in `vnet list`, as `NAME:HOST/IF`. Default `lab`. */
  readonly name?: string
  /**
   * The seed of all random decisions, an integer. The same seed drops the same packets. Default 1.
   */
  readonly seed?: number
  /** JavaScript files that export functions as stages: `stage NAME` in a wire. */
  readonly stages?: readonly string[]
  /**
   * `memory`: hosts in memory, in virtual time, without rights and on any system. `kernel`: network
   * namespaces, in real time. `guest`: network namespaces in a guest, in virtual time, if this
   * process runs in one. Default: the environment variable VNET_WORLD, otherwise the kernel
   * where it can be, and memory elsewhere.
   */
  readonly world?: WorldName
  /** Ends the lab when it aborts. */
  readonly signal?: AbortSignal
}

export const LAB_OPTIONS: Forms<LabOptions> = {
  name: {
    accepts: value => typeof value === 'string' && /^[\w.-]{1,63}$/.test(value),
    text: 'a name of 1 to 63 letters, digits, dots, hyphens and underscores',
  },
  seed: WHOLE_NUMBER,
  stages: {
    accepts: value => Array.isArray(value) && value.every(each => typeof each === 'string'),
    text: 'a list of files',
  },
  world: wordOf('a world, which are', WORLDS),
  signal: SIGNAL,
}

/**
 * A network for a test, as createLab returns it. It owns all hosts, links, routers and programs
 * that are made with it, and removes them when it is closed: by `close`, by `await using`, by its
 * signal, and with the process. Nothing can be made with it afterwards.
 */
export class Lab implements AsyncDisposable {
  readonly name: string
  /** The seed of all random decisions. */
  readonly seed: number
  readonly #world: LabWorld
  readonly #hosts: LabHost[] = []
  readonly #parts: LabParts
  readonly #links: Links
  readonly #making = new Set<Promise<unknown>>()
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = () => void this.close().catch(() => {})
  #closed: Promise<void> | undefined

  private constructor(world: LabWorld, options: LabOptions, setup: LabSetup) {
    const { name = 'lab', seed = 1, stages = [], signal } = options
    this.#world = world
    if (setup.onDirectory !== undefined) {
      setup.onDirectory(world.directory)
    }
    this.name = name
    this.seed = seed
    const hostsFile = new HostsFile(world)
    const captures = new LabCaptures(world, name, setup.captures)
    const shown = setup.isHidden ? '' : name
    this.#parts = { name: shown, seed, world, hostsFile, captures, setup, hosts: this.#hosts }
    this.#links = new Links(this.#parts, stages)
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** @internal Same as createLab. The lab closes the world, even if this rejects. */
  static async start(world: LabWorld, options: LabOptions, setup: LabSetup): Promise<Lab> {
    try {
      options.signal?.throwIfAborted()
      const stages = await loaded(world.caller, options.stages)
      return new Lab(world, { ...options, stages }, setup)
    } catch (error) {
      world.close()
      throw error
    }
  }

  /** @internal */
  get links(): Links {
    return this.#links
  }

  /** The world of the lab. */
  get world(): WorldName {
    return this.#world.name
  }

  /** Milliseconds since the lab was made, in the time of its world. */
  get now(): number {
    return this.#world.time.now
  }

  /** @internal The real things for which its time stands still. */
  get awaited(): readonly string[] {
    return this.#world.time.awaited
  }

  /** @internal The programs, workers and sockets that are open on its hosts. */
  get unclosed(): readonly string[] {
    return this.#hosts.flatMap(host => host.unclosed)
  }

  /** @internal Whether nothing more is going to happen: a test that waits has waited in vain. */
  get isIdle(): boolean {
    return this.#world.time.isIdle
  }

  /**
   * Waits for milliseconds, or for a duration such as '2h', in the time of the lab's world. In
   * memory that takes no real time.
   */
  sleep(duration: number | string): Promise<void> {
    return this.#world.time.sleep(duration)
  }

  /** @internal Settles when `vnet list` shows its links, unless it is hidden. */
  async show(): Promise<void> {
    await this.#world.caller.call('show')
  }

  /** @internal Makes the stages of more files known to the wires of links that are made later. */
  async loadStages(files: readonly string[]): Promise<void> {
    this.#links.stages = await loaded(this.#world.caller, [...this.#links.stages, ...files])
  }

  /** Creates hosts with these names, each a network namespace. They find each other by name. */
  hosts<const Names extends readonly string[]>(...names: Names): { [K in keyof Names]: LabHost } {
    const make = (name: string) => new LabHost(name, this.#links)
    return this.#add(names, make) as { [K in keyof Names]: LabHost }
  }

  /**
   * Creates a host that forwards packets, and joins it to the given hosts. Each host
   * of the lab has routes to the networks past its routers, including networks added later. Outside
   * a NAT nothing has a route to the IPv4 hosts inside. Rejects with a UsageError for wrong
   * options, and with a VnetError if the kernel refuses.
   */
  router(name: string, options: LabRouterOptions = {}): Promise<LabRouter> {
    return promised(this.#router(name, options), 'lab.router()', ROUTER_MEMBERS)
  }

  async #router(name: string, options: LabRouterOptions): Promise<LabRouter> {
    checkRouterOptions(name, options)
    const { inside = [], outside, internet = false, wire = '', mtu, capture } = options
    if (internet && this.#hosts.some(each => each instanceof LabRouter && each.isWayOut)) {
      throw new UsageError(`router ${name}: the lab has a router with \`internet\` already`)
    }
    const cable = {
      wire,
      ...(mtu !== undefined && { mtu }),
      ...(capture !== undefined && { capture }),
    }
    this.#links.checkEnds(`router ${name}`, outside === undefined ? inside : [...inside, outside])
    const make = () => new LabRouter(name, this.#links, options)
    const [router] = this.#add([name], make) as [LabRouter]
    const joinInside = async (host: LabHost) =>
      router.addLink(host, await this.cable(host, router, cable))
    const joinOutside = async (host: LabHost) => {
      router.addLink(
        host,
        await this.#made(() => this.#links.cable(router, host, cable, { translator: router.nat })),
      )
      router.setUp()
      await router.openPortal()
    }
    const wayOut = internet
      ? this.#made(() => this.#links.openWayOut(router, this.#world.directory))
      : undefined
    await Promise.all([
      wayOut,
      ...inside.map(joinInside),
      ...(outside === undefined ? [] : [joinOutside(outside)]),
    ])
    await router.forwardWaiting()
    return router
  }

  /**
   * Leads hosts to the network of the machine, and by it to the Internet: a router `internet` with
   * the option `internet`. Rejects like `router`, and with a LabUnavailableError if pasta(1), of
   * the package passt, is not installed or finds no network.
   */
  internet(options: Omit<LabRouterOptions, 'internet' | 'outside'>): Promise<LabRouter> {
    return this.router('internet', { ...options, internet: true })
  }

  /**
   * Creates a segment of `vnet lan`, with its gateway, DHCP, DNS and hosts, and joins hosts of the
   * lab to it. Each gets an interface `lan`, and uses the gateway as its DNS server. Rejects with a
   * UsageError for wrong options; a failed call leaves nothing in place.
   */
  lan(options: LabLanOptions, ...hosts: readonly LabHost[]): Promise<LabLan> {
    return promised(this.segment('lan', options, hosts), 'lab.lan()', LAN_MEMBERS)
  }

  /** @internal Same as `lan`. Drawings show `name`. */
  async segment(name: string, options: LabLanOptions, hosts: readonly LabHost[]): Promise<LabLan> {
    const made = await this.#made(() => this.#links.lan(options, hosts, name))
    await this.#forwardWaiting(hosts)
    return made
  }

  /**
   * Creates a whole network: `{ hosts, routers, cables, lans }`, with references by name.
   * Returns the created parts under the same names. Rejects with a UsageError for an unknown name.
   */
  async topology<const T extends Topology>(topology: T): Promise<Made<T>> {
    checkTopology(topology, (_, error) => {
      throw error
    })
    const { hosts: names, routers = {}, cables = {}, lans = {} } = topology
    const known = new Map<string, LabHost>(this.hosts(...names).map(each => [each.name, each]))
    const hosts = Object.fromEntries(known)
    const made: Record<string, LabRouter> = {}
    const found = (name: string) => known.get(name) as LabHost
    // One after another: a router may be outside another.
    for (const [name, { inside = [], outside, ...options }] of Object.entries(routers)) {
      const ends = {
        inside: inside.map(found),
        ...(outside !== undefined && { outside: found(outside) }),
      }
      made[name] = await this.router(name, { ...options, ...ends })
      known.set(name, made[name])
    }
    const join = ({ ends: [a, b], ...options }: CableEntry) =>
      this.cable(found(a), found(b), options)
    const attach = ({ ports, ...options }: LanEntry, name: string) =>
      this.segment(name, options, ports.map(found))
    const [allCables, allLans] = await Promise.all([all(cables, join), all(lans, attach)])
    return { hosts, routers: made, cables: allCables, lans: allLans } as Made<T>
  }

  #add<N extends LabHost>(names: readonly string[], make: (name: string) => N): N[] {
    if (this.#closed !== undefined) throw new Error('the lab has ended')
    const taken = this.#hosts.map(({ name }) => name)
    for (const [i, name] of names.entries()) {
      checkName(name, [...taken, ...names.slice(0, i)])
    }
    const made = names.map(name => {
      const host = make(name)
      this.#hosts.push(host)
      return host
    })
    this.#parts.hostsFile.add(...made)
    return made
  }

  /**
   * Joins two hosts by a cable. Each end is an interface with the name of the other host
   * (`server2` if that is taken). Both are up, with a carrier and addresses, when it returns.
   * Rejects with a UsageError for a wrong text; a failed call leaves nothing in place.
   */
  cable(a: LabHost, b: LabHost, options: LabCableOptions = {}): Promise<LabLink> {
    return promised(this.#cable(a, b, options), 'lab.cable()', LINK_MEMBERS)
  }

  async #cable(a: LabHost, b: LabHost, options: LabCableOptions): Promise<LabLink> {
    const routers = [a, b].filter(end => end instanceof LabRouter)
    const nat64 = routers.find(({ hasNat64 }) => hasNat64)
    const isInternal = routers.some(({ isNptv6 }) => isNptv6)
    const made = await this.#made(() => this.#links.cable(a, b, options, { nat64, isInternal }))
    await this.#forwardWaiting([a, b])
    return made
  }

  /** Forwards ports of routers to hosts that are new on their links. */
  async #forwardWaiting(ends: readonly LabHost[]): Promise<void> {
    for (const end of ends) {
      if (end instanceof LabRouter) {
        await end.forwardWaiting()
      }
    }
  }

  /** Makes `close()` wait for pending creations. Usage errors lead to the line of the caller. */
  async #made<T>(make: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new Error('the lab has ended')
    const caller = traceOf(this.#made)
    const making = make()
    this.#making.add(making)
    const made = () => this.#making.delete(making)
    making.then(made, made)
    return making.catch(error => {
      throw error instanceof UsageError ? thrownAt(caller, error) : error
    })
  }

  /**
   * Keeps the captures of its links, which are otherwise removed with the lab: call it when a test
   * has failed. Returns their paths. The files are complete when the lab has ended.
   */
  keepCaptures(): readonly string[] {
    return this.#parts.captures.keep()
  }

  /**
   * @internal Returns a line for each cause of drops on its links and in firewalls, the most
   * packets first. The losses of the world precede them.
   */
  drops(): Promise<readonly string[]> {
    const routers = this.#hosts.filter(each => each instanceof LabRouter)
    return this.#made(async () => {
      const lines = await this.#links.drops(routers.flatMap(each => each.dropLines()))
      return [...(this.#world.losses?.() ?? []), ...lines]
    })
  }

  /** @internal Returns a line for each fault that has hit no packet, in the order of the calls. */
  get missedFaults(): readonly string[] {
    return this.#links.missedFaults
  }

  /** @internal Returns the packets of each open link, if the lab is watched. */
  watched(): Promise<ReadonlyMap<string, WatchedLink>> {
    return this.#made(() => this.#links.watched())
  }

  /** Closes everything that the lab has made. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()

  async #close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    await Promise.allSettled(this.#making)
    // A timer of the same moment would find its sockets closed.
    this.#world.time.cancelTimers()
    const steps = [
      () => this.#endWorkers(),
      () => {
        this.#killPrograms()
        return Promise.all(this.#hosts.map(host => host.close()))
      },
      () => this.#links.close(),
      () => this.#parts.captures.move(),
      () => this.#world.close(),
      warnOfAddons,
    ]
    // A close that fails does not keep the others from closing.
    const errors: unknown[] = []
    for (const step of steps) {
      await Promise.resolve()
        .then(step)
        .catch(error => errors.push(error))
    }
    if (errors.length > 0) throw errors[0]
  }

  /** Ends the workers, which start programs. One that waits for its program ends after it. */
  async #endWorkers(): Promise<void> {
    const ending = this.#hosts.flatMap(host => host.endWorkers())
    if (ending.length === 0) return
    this.#killPrograms()
    await Promise.all(ending)
  }

  #killPrograms(): void {
    for (const host of this.#hosts) {
      host.endInit()
    }
    const programs = this.#hosts.flatMap(host => host.programs ?? [])
    if (programs.length === 0) return
    this.#world.killPrograms?.(programs)
  }
}

async function loaded(
  caller: LinkCaller,
  files: readonly string[] = [],
): Promise<readonly string[]> {
  // The worker resolves paths against the directory of its process.
  const paths = files.map(file => resolve(file))
  if (paths.length > 0) {
    await caller.call('loadStages', paths)
  }
  return paths
}

async function all<Entry, Value>(
  entries: Readonly<Record<string, Entry>>,
  make: (entry: Entry, name: string) => Promise<Value>,
): Promise<Record<string, Value>> {
  const made = Object.entries(entries).map(
    async ([name, entry]) => [name, await make(entry, name)] as const,
  )
  return Object.fromEntries(await Promise.all(made))
}
