/**
 * The worker that carries the frames of a thread's labs, so that a test that blocks its own thread
 * does not stop its links. It implements Calls.
 */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { LOGLEVEL_WARNING, Log } from '../../base/log.ts'
import { UsageError } from '../../base/usage-error.ts'
import type { Recording } from '../../capture/recording.node.ts'
import { attached } from '../../control/protocol/wire-attachment.ts'
import { TimerfdClock } from '../../linux/clock.ts'
import { loadNative } from '../../linux/native.ts'
import { LinuxPlatform } from '../../linux/platform.ts'
import { readTextFile } from '../../linux/regular-file.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import { Net } from '../../netdev/net.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import { OwnStages } from '../../wire/own-stages.node.ts'
import type { LabControl, LabPlace } from './lab-control.ts'
import type { CableSpec, Calls, EndSpec, Filters, WorkerReply, WorkerRequest } from './protocol.ts'
import type { LinkWatch, WatchSpec } from './watch/link-watch.ts'
import { WorkerCable } from './worker-cable.ts'
import type { WorkerLan } from './worker-lan.ts'

type Handlers = {
  [Name in keyof Calls]: (
    ...args: Parameters<Calls[Name]>
  ) => ReturnType<Calls[Name]> | Promise<ReturnType<Calls[Name]>>
}

interface WorkerLink {
  readonly cable: WorkerCable
  /** By their numbers. The link was made with number 0. */
  readonly recordings: Map<number, Recording>
}

/** A cable, or a LAN with a name. */
type LinkSpec = Pick<CableSpec, 'lab' | 'capture'> &
  Partial<Pick<CableSpec, 'a' | 'nat'>> & { readonly segment?: string }

/** Milliseconds after its first link until a lab is visible. A shorter lab costs nothing. */
const VISIBLE_MS = 100

/** The worker reads files, because the lab's thread may be too busy. */
function resourcesOf(filters: Filters = []): WireResources {
  return { filter: attached(filters).filter, file: readTextFile }
}

/** Returns the resources of a new link, with the own stages of its lab. */
async function withStages({ stages = [], filters }: Pick<CableSpec, 'stages' | 'filters'>): Promise<WireResources> {
  const own = new OwnStages()
  for (const file of stages) await own.load(file)
  return { ...resourcesOf(filters), stage: (name, values) => own.get(name, values) }
}

/** Records the devices of `hosts`, in which each has the name of its namespace, in a file. */
async function record(net: Net, hosts: ReadonlyMap<NetDevice, string>, path: string): Promise<Recording> {
  const [{ CaptureFile }, { Recording }] = await Promise.all([
    import('../../capture/capture-file.node.ts'),
    import('../../capture/recording.node.ts'),
  ])
  const recording = new Recording(new CaptureFile(path))
  recording.follow({ net, driver: 'cable', netnsOf: dev => hosts.get(dev) }, dev => hosts.has(dev))
  return recording
}

function serve(port: MessagePort): void {
  const native = loadNative()
  const warn = (line: string) => port.postMessage({ warning: line } satisfies WorkerReply)
  const log = new Log(LOGLEVEL_WARNING, (_, line) => warn(line))
  const platform = new LinuxPlatform(native, text => log.warn(text))
  const net = new Net({ platform, clock: new TimerfdClock(native), log })
  const links = new Map<number, WorkerLink>()
  const lans = new Map<number, { readonly lan: WorkerLan; readonly recording: Recording | undefined }>()
  /** The names of addresses in labs that are watched. */
  const hostNames = new Map<string, Map<string, string>>()
  /** The place of each device, as clients see it. */
  const places = new WeakMap<NetDevice, LabPlace>()
  let last = 0
  let control: Promise<LabControl | undefined> | undefined
  let visible: NodeJS.Timeout | undefined

  /** Returns what `make` makes, and its recording. `make` reports each device by `onDevice`. */
  async function recorded<L>(
    { lab, capture, segment, a, nat }: LinkSpec,
    make: (onDevice: (dev: NetDevice, end: EndSpec) => void) => Promise<L>,
  ): Promise<[L, Recording | undefined]> {
    const hosts = new Map<NetDevice, string>()
    const recording = capture === undefined ? undefined : await record(net, hosts, capture)
    try {
      const link = await make((dev, end) => {
        const { host, isRouter } = end
        hosts.set(dev, host)
        places.set(dev, { netns: `${lab}:${host}`, isRouter, segment, nat: end === a ? nat?.kind : undefined })
        dev.logPrefix = `${lab}:${host}/`
      })
      return [link, recording]
    } catch (error) {
      await recording?.stop()
      throw error
    }
  }

  /** Returns watches of links. They share the names of the addresses of their lab. */
  async function watching(specs: readonly WatchSpec[] = [], resources: WireResources): Promise<LinkWatch[]> {
    const [{ lab } = {}] = specs
    if (lab === undefined) return []
    const { LinkWatch } = await import('./watch/link-watch.ts')
    const hosts = hostNames.get(lab) ?? new Map<string, string>()
    hostNames.set(lab, hosts)
    for (const spec of specs) for (const [address, host] of spec.hosts) hosts.set(address, host)
    return specs.map(spec => new LinkWatch(spec, hosts, { ...resources, ...resourcesOf(spec.filters) }))
  }

  /** Makes labs with links visible, if `lab` has a name. */
  function show(lab: string): void {
    if (lab !== '') visible ??= setTimeout(() => (control = shown()), VISIBLE_MS)
  }

  /** Hides labs without links. */
  async function hide(): Promise<void> {
    if (links.size > 0) return
    hostNames.clear()
    clearTimeout(visible)
    visible = undefined
    const started = control
    control = undefined
    await (await started)?.[Symbol.asyncDispose]()
  }

  async function shown(): Promise<LabControl | undefined> {
    const { LabControl } = await import('./lab-control.ts')
    return LabControl.start(native, net, dev => places.get(dev))
  }

  function found(link: number): WorkerCable {
    const { cable } = links.get(link) ?? {}
    if (cable === undefined) throw new UsageError('the link is closed')
    return cable
  }

  async function inOrder<T>(link: number, fn: (cable: WorkerCable) => T): Promise<T> {
    const cable = found(link)
    return cable.inOrder(() => fn(cable))
  }

  const handlers: Handlers = {
    async loadStages(stages) {
      await withStages({ stages })
    },
    async cable(spec) {
      const resources = await withStages(spec)
      const [watch] = await watching(spec.watch && [spec.watch], resources)
      const [cable, recording] = await recorded(spec, async onDevice => {
        const cable = await WorkerCable.join(net, resources, spec, onDevice, watch)
        await platform.settle(cable.ports)
        try {
          if (spec.pref64 !== undefined) await cable.advertise(spec.pref64, spec.seed)
          return cable
        } catch (error) {
          await cable.close()
          throw error
        }
      })
      links.set(++last, { cable, recordings: new Map(recording && [[0, recording]]) })
      show(spec.lab)
      return last
    },
    async lan(spec) {
      // Loaded on demand, because most labs have none.
      const { makeLan } = await import('./worker-lan.ts')
      const resources = await withStages(spec)
      const watches = await watching(spec.watches, resources)
      const [lan, recording] = await recorded({ ...spec, segment: spec.name }, async onDevice => {
        const lan = await makeLan(net, resources, spec, onDevice, watches)
        await platform.settle(lan.ports.flatMap(cable => cable.ports))
        return lan
      })
      const ports = lan.ports.map(cable => {
        links.set(++last, { cable, recordings: new Map() })
        return last
      })
      show(spec.lab)
      lans.set(++last, { lan, recording })
      return { lan: last, ports }
    },
    async closeLan(lan) {
      const ended = lans.get(lan)
      lans.delete(lan)
      await ended?.lan.close()
      await ended?.recording?.stop()
    },
    reset: (link, seed, ab, ba, filters) => inOrder(link, cable => cable.reset(seed, ab, ba, resourcesOf(filters))),
    async capture(link, path) {
      const names = found(link).devices.map(dev => [dev, places.get(dev)?.netns.split(':').at(-1) ?? ''] as const)
      const id = ++last
      links.get(link)?.recordings.set(id, await record(net, new Map(names), path))
      return id
    },
    async endCapture(link, capture) {
      await inOrder(link, () => {})
      const recording = links.get(link)?.recordings.get(capture)
      links.get(link)?.recordings.delete(capture)
      await recording?.stop()
    },
    rebind: link => inOrder(link, cable => cable.rebind()),
    forward: (link, forward) => inOrder(link, cable => cable.forward(forward)),
    wire: (link, ab, ba, filters) => inOrder(link, cable => cable.setWire(ab, ba, resourcesOf(filters))),
    async carrier(link, up) {
      const ports = await inOrder(link, cable => {
        cable.setCarrier(up)
        return cable.ports
      })
      await platform.settle(ports)
    },
    sleep: async (link, ms) => found(link).sleep(ms),
    partition: async (link, ms, directions) => found(link).partition(ms, directions),
    fault(link, spec) {
      const id = ++last
      return inOrder(link, cable => {
        cable.addFault(id, spec, resourcesOf(spec.filters))
        return id
      })
    },
    hit: (link, fault, n) => found(link).hit(fault, n),
    removeFault: (link, fault) => inOrder(link, cable => cable.removeFault(fault)),
    report: link => inOrder(link, cable => cable.report()),
    watched: link => inOrder(link, cable => cable.watched),
    async close(link) {
      const ended = links.get(link)
      links.delete(link)
      await ended?.cable.close()
      for (const recording of ended?.recordings.values() ?? []) await recording.stop()
      await hide()
    },
  }

  port.on('message', async ({ id, call, args }: WorkerRequest) => {
    const reply = (reply: WorkerReply) => port.postMessage(reply)
    try {
      const handler = handlers[call] as (...args: readonly unknown[]) => unknown
      reply({ id, value: await handler(...args) })
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      reply({ id, error: text, usage: error instanceof UsageError })
    }
  })
}

serve(parentPort as MessagePort)
