/** Calls: what a lab asks of the carrier of its frames, a worker thread or the world in memory. */
import type dgram from 'node:dgram'
import { type NetDevice, UsageError } from 'vnet'
import type { CaptureSetup } from 'vnet/kit/capture'
import { attached, type LabPart } from 'vnet/kit/control'
import { readTextFile } from 'vnet/kit/linux'
import { OwnStages, type Recording } from 'vnet/kit/machine'
import type { WireResources } from 'vnet/kit/netdev'
import { readWireText } from 'vnet/kit/wire'
import type { Net, Port } from 'vnet/net'
import { PORT_CONTROL_PORT } from '../nat/nat-table.ts'
import { CarriedCable } from './cable.ts'
import type { Cut } from './cuts.ts'
import type { FaultPlan } from './fault-plan.ts'
import type { PacketWatch } from './packet-watch.ts'
import type {
  CableSpec,
  EndSpec,
  FaultEvent,
  FaultListener,
  FaultSpec,
  Filters,
  LanSpec,
  WatchSpec,
} from './protocol.ts'
import type { CarriedLan } from './segment.ts'
import { WIRE_TEXT_OPTIONS } from './wire-text.ts'

/** Milliseconds after its first link until a lab is visible. A shorter lab costs nothing. */
const VISIBLE_MS = 100

class LabVisibility {
  readonly #start: () => Promise<AsyncDisposable | undefined>
  #timer: NodeJS.Timeout | undefined
  #control: Promise<AsyncDisposable | undefined> | undefined

  /** `start` makes labs visible until its result is disposed. */
  constructor(start: () => Promise<AsyncDisposable | undefined>) {
    this.#start = start
  }

  /** Notes a link of a lab. A lab without a name is not shown. */
  onLink(lab: string): void {
    if (lab !== '') {
      this.#timer ??= setTimeout(() => {
        this.#control = this.#start()
      }, VISIBLE_MS)
    }
  }

  /** Makes labs visible now, if one with a name has a link. */
  async show(): Promise<void> {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#control ??= this.#start()
    await this.#control
  }

  async hide(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const started = this.#control
    this.#control = undefined
    await (await started)?.[Symbol.asyncDispose]()
  }
}

interface CarriedLink {
  readonly cable: CarriedCable
  /** By their numbers. The link was made with number 0. */
  readonly recordings: Map<number, Recording>
}

/** A cable, or a LAN with a name. */
type LinkSpec = Pick<CableSpec, 'lab' | 'capture'> &
  Partial<Pick<CableSpec, 'a' | 'nat'>> & { readonly segment?: string }

/** The worker reads files, because the lab's thread may be too busy. */
function resourcesOf(filters: Filters = []): WireResources {
  return { filter: attached(filters).filter, file: readTextFile }
}

async function withStages({
  stages = [],
  filters,
}: Pick<CableSpec, 'stages' | 'filters'>): Promise<WireResources> {
  const own = new OwnStages()
  for (const file of stages) {
    await own.load(file)
  }
  return { ...resourcesOf(filters), stage: (name, values) => own.get(name, values) }
}

/** The differences between the kernel and the world in memory. */
interface CallsPlatform {
  /** Whether hosts have a kernel, which learns from frames of routers. */
  readonly hasKernel: boolean
  /** Settles when the interfaces have what was requested. */
  settle(ports: readonly Port[]): Promise<void>
  /** Binds a UDP socket on a host, by the number of its stack. Returns its port. */
  bindUdp(host: number, socket: dgram.Socket, port: number): Promise<number>
  /** Makes labs visible to `vnet list`. Labs in memory are never listed. */
  show?(placeOf: (dev: NetDevice) => LabPlace | undefined): Promise<AsyncDisposable | undefined>
  /** Reports a fault of links or hosts of a lab that is watched. */
  onFault?(lab: string, event: FaultEvent): void
  /** The time of day of captures; by default the machine's. */
  readonly wallTime?: CaptureSetup['wallTime']
  /** Whether the lab's thread writes captures, without the thread pool. */
  readonly writesInThread?: boolean
}

type RecordOptions = Pick<CallsPlatform, 'wallTime' | 'writesInThread'> & { readonly net: Net }

/** Records the devices of `hosts`, in which each has the name of its host, in a file. */
async function record(
  { net, wallTime, writesInThread }: RecordOptions,
  hosts: ReadonlyMap<NetDevice, string>,
  path: string,
): Promise<Recording> {
  const { CaptureFile } = await import('vnet/kit/machine')
  const { Recording: LoadedRecording } = await import('vnet/kit/machine')
  const recording = new LoadedRecording(
    new CaptureFile(path, { wallTime, inThread: writesInThread }),
  )
  const options = {
    net,
    driver: 'cable',
    netnsOf: (dev: NetDevice) => hosts.get(dev),
    ...(wallTime && { wallTime }),
  }
  recording.follow(options, dev => hosts.has(dev))
  return recording
}

/** Where an end of a link is, for clients. */
export interface LabPlace extends LabPart {
  /** The lab and the host: `lab:client`. */
  readonly netns: string
}

/** The calls of a lab's thread. Most take the number of a link. Each settles when it is done. */
export class Calls {
  readonly #platform: CallsPlatform
  readonly #net: Net
  readonly #links = new Map<number, CarriedLink>()
  readonly #lans = new Map<
    number,
    { readonly lan: CarriedLan; readonly recording: Recording | undefined }
  >()
  /** The names of addresses in labs that are watched, and their faults. */
  readonly #watched = new Map<
    string,
    { readonly hosts: Map<string, string>; readonly plan: FaultPlan }
  >()
  readonly #places = new WeakMap<NetDevice, LabPlace>()
  #last = 0
  /** Undefined in memory. */
  readonly #visibility: LabVisibility | undefined

  constructor(net: Net, platform: CallsPlatform) {
    this.#net = net
    this.#platform = platform
    const { show } = platform
    this.#visibility = show && new LabVisibility(() => show(dev => this.#places.get(dev)))
  }

  /** Loads files of own stages. Settles with their first mistake. */
  async loadStages(stages: readonly string[]) {
    await withStages({ stages })
  }

  /** Returns the filters that texts of wires name, each once. Throws a UsageError. */
  filters(texts: readonly string[]) {
    return [...new Set(texts.flatMap(text => readWireText(text, WIRE_TEXT_OPTIONS).filters))]
  }

  /** Joins two hosts. Returns the number of the link. */
  async cable(spec: CableSpec) {
    const resources = await withStages(spec)
    const [watch] = await this.#watching(spec.watch && [spec.watch], resources)
    const [cable, recording] = await this.#recorded(spec, async onDevice => {
      const bindUdp = (host: number, socket: dgram.Socket) =>
        this.#platform.bindUdp(host, socket, PORT_CONTROL_PORT)
      const joined = await CarriedCable.join(this.#net, resources, spec, {
        onDevice,
        watch,
        bindUdp,
      })
      try {
        await this.#platform.settle(joined.ports)
        // Hosts in memory have all routes from the lab.
        if (spec.pref64 !== undefined && this.#platform.hasKernel) {
          await joined.advertise(spec.pref64, spec.seed)
        }
        return joined
      } catch (error) {
        await joined.close()
        throw error
      }
    })
    this.#links.set(++this.#last, { cable, recordings: new Map(recording && [[0, recording]]) })
    this.#visibility?.onLink(spec.lab)
    return this.#last
  }

  /** Makes a segment. Returns its number and the numbers of its ports, which are links. */
  async lan(spec: LanSpec) {
    // Loaded on demand, because most labs have none.
    const { makeLan } = await import('./segment.ts')
    const resources = await withStages(spec)
    const watches = await this.#watching(spec.watches, resources)
    const [lan, recording] = await this.#recorded(
      { ...spec, segment: spec.name },
      async onDevice => {
        const made = await makeLan(this.#net, resources, spec, onDevice, {
          watches,
          hasKernel: this.#platform.hasKernel,
        })
        try {
          await this.#platform.settle(made.ports.flatMap(cable => cable.ports))
          return made
        } catch (error) {
          for (const port of made.ports) {
            await port.close()
          }
          await made.close()
          throw error
        }
      },
    )
    const ports = lan.ports.map(cable => {
      this.#links.set(++this.#last, { cable, recordings: new Map() })
      return this.#last
    })
    this.#visibility?.onLink(spec.lab)
    this.#lans.set(++this.#last, { lan, recording })
    return { lan: this.#last, ports }
  }

  async closeLan(lan: number) {
    const ended = this.#lans.get(lan)
    this.#lans.delete(lan)
    await ended?.lan.close()
    await ended?.recording?.stop()
  }

  /** Makes a link as if it were new, with these texts and this seed. */
  reset(link: number, seed: number, ab: string, ba: string, filters: Filters) {
    return this.inOrder(link, cable => cable.reset(seed, ab, ba, resourcesOf(filters)))
  }

  /** Starts to record a link in a file. Returns the number of the capture. */
  async capture(link: number, path: string) {
    const { devices } = this.found(link)
    const names = devices.map(
      dev => [dev, this.#places.get(dev)?.netns.split(':').at(-1) ?? ''] as const,
    )
    const id = ++this.#last
    const recording = await record(this.#recorder, new Map(names), path)
    const { recordings } = this.#links.get(link) ?? {}
    if (recordings === undefined) {
      await recording.stop()
      throw new UsageError('the link is closed')
    }
    recordings.set(id, recording)
    return id
  }

  /** Ends a capture. Settles when its file is complete. */
  async endCapture(link: number, capture: number) {
    await this.inOrder(link, () => {})
    const recording = this.#links.get(link)?.recordings.get(capture)
    this.#links.get(link)?.recordings.delete(capture)
    await recording?.stop()
  }

  wire(link: number, ab: string | undefined, ba: string | undefined, filters: Filters) {
    return this.inOrder(link, cable => cable.setWire(ab, ba, resourcesOf(filters)))
  }

  async carrier(link: number, up: boolean) {
    const ports = await this.inOrder(link, cable => {
      cable.setCarrier(up)
      return cable.ports
    })
    await this.#platform.settle(ports)
  }

  fault(link: number, spec: FaultSpec) {
    const id = ++this.#last
    return this.inOrder(link, cable => {
      cable.addFault(id, spec, resourcesOf(spec.filters))
      return id
    })
  }

  /** Same as fault, at a byte of one connection. */
  async connectionFault(link: number, spec: FaultSpec) {
    // Loaded on demand, because only explorations of commands have such faults.
    const { connectionFault } = await import('./connection-fault.ts')
    const id = ++this.#last
    return this.inOrder(link, cable => {
      cable.addFault(id, spec, resourcesOf(spec.filters), connectionFault)
      return id
    })
  }

  watched(link: number) {
    return this.inOrder(link, cable => cable.watched)
  }

  /** Makes links of a lab that is watched dead, for `time` ns. */
  async cut(lab: string, id: string, cuts: readonly Cut[], time: number) {
    this.#watched.get(lab)?.plan.cuts.add(id, cuts, time)
  }

  /** Ends a cut, once the frames that the kernels sent earlier are lost. */
  async mend(lab: string, id: string) {
    await this.drain()
    this.#watched.get(lab)?.plan.cuts.mend(id)
  }

  /** Settles when the frames that the kernels sent earlier have entered the links. */
  async drain() {
    // A link that is closed has none.
    await Promise.allSettled([...this.#links.values()].map(({ cable }) => cable.inOrder(() => {})))
  }

  /** Same as rebind, at a fault: time stands still. */
  rebindAtFault(link: number) {
    return this.inOrder(link, cable => cable.rebind())
  }

  /** A fault of hosts has happened: the links of the lab carry packets again. */
  async thaw(lab: string) {
    this.#watched.get(lab)?.plan.thaw()
  }

  async close(link: number) {
    const ended = this.#links.get(link)
    this.#links.delete(link)
    await ended?.cable.close()
    for (const recording of ended?.recordings.values() ?? []) {
      await recording.stop()
    }
    if (this.#links.size > 0) return
    this.#watched.clear()
    await this.#visibility?.hide()
  }

  /** Returns what `make` makes, and its recording. `make` reports each device by `onDevice`. */
  async #recorded<L>(
    { lab, capture, segment, a, nat }: LinkSpec,
    make: (onDevice: (dev: NetDevice, end: EndSpec) => void) => Promise<L>,
  ): Promise<[L, Recording | undefined]> {
    const hosts = new Map<NetDevice, string>()
    const recording =
      capture === undefined ? undefined : await record(this.#recorder, hosts, capture)
    try {
      const link = await make((dev, end) => {
        const { host, isRouter } = end
        hosts.set(dev, host)
        this.#places.set(dev, {
          netns: `${lab}:${host}`,
          isRouter,
          segment,
          nat: end === a ? nat?.kind : undefined,
        })
        dev.logPrefix = `${lab}:${host}/`
      })
      return [link, recording]
    } catch (error) {
      await recording?.stop()
      throw error
    }
  }

  /** Returns watches of links. They share the names of the addresses of their lab, and its plan. */
  async #watching(
    specs: readonly WatchSpec[] = [],
    resources: WireResources,
  ): Promise<PacketWatch[]> {
    const [first] = specs
    if (first === undefined) return []
    const [{ PacketWatch: LoadedPacketWatch }, { FaultPlan: LoadedFaultPlan, PACKET_STOP }] =
      await Promise.all([import('./packet-watch.ts'), import('./fault-plan.ts')])
    const ask = first.stops ? await loadStop(PACKET_STOP) : undefined
    const known = this.#watched.get(first.lab)
    const onFault = (event: FaultEvent) => this.#platform.onFault?.(first.lab, event)
    const make = () => new LoadedFaultPlan(first.plan, { clock: this.#net.clock, ask, onFault })
    const { hosts, plan } = known ?? { hosts: new Map(), plan: make() }
    this.#watched.set(first.lab, { hosts, plan })
    for (const spec of specs) {
      for (const [address, host] of spec.hosts) {
        hosts.set(address, host)
      }
    }
    return specs.map(
      spec =>
        new LoadedPacketWatch(spec, hosts, plan, { ...resources, ...resourcesOf(spec.filters) }),
    )
  }

  /** Makes labs with links visible now, unless none has a name. */
  async show(): Promise<void> {
    await this.#visibility?.show()
  }

  get #recorder(): RecordOptions {
    return { net: this.#net, ...this.#platform }
  }

  found(link: number): CarriedCable {
    const { cable } = this.#links.get(link) ?? {}
    if (cable === undefined) throw new UsageError('the link is closed')
    return cable
  }

  async inOrder<T>(link: number, fn: (cable: CarriedCable) => T): Promise<Awaited<T>> {
    const cable = this.found(link)
    return await cable.inOrder(() => fn(cable))
  }
}

/** Returns a function that stops the machine around this guest, and returns its host's reply. */
async function loadStop(why: string): Promise<() => string> {
  const { stopMachine } = await import('@vnet/guest/kit')
  return () => stopMachine(why).toString()
}

/** The calls that only pass on to a link: in order, or immediately because they wait themselves. */
const ORDERED = ['rebind', 'forward', 'removeFault', 'report'] as const
const WAITING = ['sleep', 'partition', 'hit'] as const
type LinkCalls = Pick<CarriedCable, (typeof ORDERED | typeof WAITING)[number]>
type OfLink<F> = F extends (...args: infer A) => infer R ? (link: number, ...args: A) => R : never

/** The calls of a lab's thread. */
export type WorkerCalls = Omit<Calls, 'found' | 'inOrder'> & {
  [K in keyof LinkCalls]: OfLink<LinkCalls[K]>
}

/**
 * Carries out the calls of links: a LabWorker by messages to its worker, and a world in memory in
 * this thread.
 */
export interface LinkCaller {
  /** Rejects with a UsageError, a VnetError, or an Error of the same message. */
  call<Name extends keyof WorkerCalls>(
    call: Name,
    ...args: Parameters<WorkerCalls[Name]>
  ): Promise<Awaited<ReturnType<WorkerCalls[Name]>>>
  /** Calls `listener` for each fault of links and hosts of a lab; without one no longer. */
  onFault(lab: string, listener: FaultListener | undefined): void
}

/** Runs a call by its name. */
export function run(calls: Calls, call: string, args: readonly unknown[]): unknown {
  const [link, ...rest] = args
  const of = (target: object) =>
    Reflect.get(target, call) as (...args: readonly unknown[]) => unknown
  const onLink = (cable: CarriedCable) => of(cable).apply(cable, rest)
  if (ORDERED.some(name => name === call)) return calls.inOrder(link as number, onLink)
  if (WAITING.some(name => name === call)) return onLink(calls.found(link as number))
  return of(calls).apply(calls, [...args])
}
