/**
 * 'vnet/wire': cables with wires that a program controls, and the impairments for them.
 *
 *     const ab = [delay('20ms'), loss(0.01)]
 *     await using link = await openCable('left/a', 'right/b', { ab, seed: 7 })
 */
import { attachDriver } from './attach/driver.ts'
import './base/dispose.ts'
import { checkOptions, durationOf, explain, LOGLEVEL_WARNING, Log, random } from './base/index.ts'
import { driver as cableDriver } from './drivers/cable.ts'
import { loadNative, TimerfdClock } from './linux/index.ts'
import { LinuxPlatform } from './linux/platform.ts'
import type { AnyDevice, Driver, Module, NetDevice, Params, ParamValues } from './netdev/index.ts'
import { cutCable, insmod, Net, plugCable } from './netdev/index.ts'
import type { DirectedWire } from './wire/directed-wire.ts'
import { runScenario, type Scenario } from './wire/scenario.ts'
import type { Impairment } from './wire/wire.ts'
import { LinuxWireResources } from './wire/wire-resources.node.ts'

export * from './wire/index.ts'

interface CommonOptions {
  /** The seed of all random decisions; random by default. */
  readonly seed?: number
  /** A file to which every decision of the wires is written, one JSON line each. */
  readonly logFile?: string
  /** Called with warnings and errors, a line each; by default they go to stderr. */
  readonly log?: (line: string) => void
}

/**
 * The options of openCable. The wires are without stages by default, and can be changed at any time
 * by `ab.set` and `ba.set`.
 */
export interface CableOptions extends CommonOptions {
  /** The stages from a to b and back: impairments, or a text. */
  readonly ab?: readonly Impairment[] | string
  readonly ba?: readonly Impairment[] | string
  /** IP addresses of both ends, with their prefix: `198.18.0.1/24`. */
  readonly addresses?: { readonly a?: readonly string[]; readonly b?: readonly string[] }
}

/** The options of attach. `in` and `out` are as seen from the interface. */
export interface AttachOptions extends CommonOptions {
  /** The stages of received frames, and of transmitted frames: impairments, or a text. */
  readonly in?: readonly Impairment[] | string
  readonly out?: readonly Impairment[] | string
  /** Network namespace of the interface: a name as in `ip netns`, or a path. Default: our own. */
  readonly netns?: string
  /**
   * A filter of pcap-filter(7): only its frames pass the wire, and the kernel passes the others on.
   * By default all do, unless every stage is a `match` of a filter. `ab.only` shows and changes it.
   */
  readonly only?: string
  /** Time without a turn of the event loop after which frames pass directly; `500ms` by default. */
  readonly failOpen?: string | number
}

/** A cable between two interfaces. Disposing of it deletes both. */
export interface Cable extends AsyncDisposable {
  readonly a: NetDevice
  readonly b: NetDevice
  /** The wires from a to b and back: their texts, reports, and `set` to change them. */
  readonly ab: DirectedWire
  readonly ba: DirectedWire
  /** Cuts the cable: neither end has a carrier. */
  down(): void
  up(): void
  /** Runs a scenario in the time of this cable, until it ends, `signal` aborts or it is closed. */
  run(scenario: Scenario, signal?: AbortSignal): Promise<void>
  /** Deletes both interfaces. Idempotent. */
  close(): Promise<void>
}

/**
 * Creates a cable between two interfaces, `[NETNS/]IF` each, and brings both up. Throws a
 * UsageError for wrong names or a wrong text, and a VnetError if the kernel refuses; nothing is
 * left then.
 */
export function openCable(a: string, b: string, options: CableOptions = {}): Promise<Cable> {
  const { seed = 0, logFile, addresses, ab, ba, log } = options
  const params = { seed, log: logFile }
  return openWired(cableDriver, {
    args: [a, b],
    params,
    ab,
    ba,
    log,
    addresses: [addresses?.a, addresses?.b],
  })
}

/**
 * Attaches a wire to an interface that exists. `ab` is the wire of received frames, `ba` of
 * transmitted frames, `b` the interface, and `a` faces the network. `down` drops all frames. If the
 * program ends or hangs, frames pass the interface directly. If the interface is brought down,
 * moved or deleted, the attachment ends with a warning. It takes Linux 6.6, CAP_BPF and
 * CAP_NET_ADMIN. Throws a UsageError for a wrong text, and a VnetError if the kernel refuses;
 * nothing is left then.
 */
export function attach(name: string, options: AttachOptions = {}): Promise<Cable> {
  checkOptions('attach', options, [
    'in',
    'out',
    'only',
    'seed',
    'netns',
    'failOpen',
    'logFile',
    'log',
  ])
  const { seed = 0, netns, failOpen = '500ms', logFile, log, only, in: ab, out: ba } = options
  const params = { seed, log: logFile, failOpen: durationOf(failOpen), only }
  return openWired(attachDriver(), { args: [name], netns, params, ab, ba, log })
}

/** Closes the clock if the platform cannot be opened. */
function platformOr(clock: TimerfdClock, open: () => LinuxPlatform): LinuxPlatform {
  try {
    return open()
  } catch (error) {
    clock.close()
    throw error
  }
}

interface OpenOptions<P extends Params> {
  readonly ab: CableOptions['ab'] | undefined
  readonly ba: CableOptions['ba'] | undefined
  readonly log: CableOptions['log'] | undefined
  readonly args: readonly string[]
  readonly netns?: string | undefined
  readonly params: Partial<ParamValues<P>>
  readonly addresses?: readonly (readonly string[] | undefined)[]
}

async function openWired<P extends Params, Dev extends AnyDevice>(
  driver: Driver<P, Dev>,
  options: OpenOptions<P>,
): Promise<Cable> {
  const native = loadNative()
  const log = new Log(LOGLEVEL_WARNING, (_, line) => (options.log ?? console.error)(line))
  const clock = new TimerfdClock(native)
  const platform = platformOr(clock, () => new LinuxPlatform(native, text => log.warn(text)))
  const wireResources = new LinuxWireResources(undefined, error => log.err(explain(error)))
  const ended = new AbortController()
  let module: Module<P, Dev> | undefined
  let closed: Promise<void> | undefined
  function close(): Promise<void> {
    closed ??= closeAll()
    return closed
  }
  async function closeAll(): Promise<void> {
    ended.abort()
    await module?.rmmod()
    clock.close()
    await wireResources[Symbol.asyncDispose]().finally(() => platform[Symbol.asyncDispose]())
  }
  try {
    const net = new Net({
      platform,
      clock,
      log,
      random: random(Math.floor(Math.random() * 2 ** 32)),
    })
    const { args, netns, params } = options
    module = insmod(driver, { args, netns, net, txqs: 1, rxqs: 1, wireResources, params })
    const [first] = module.devices as [NetDevice]
    const [ab, ba] = (first.netdevOps.ndoGetWires?.(first) ?? []) as readonly [
      DirectedWire,
      DirectedWire,
    ]
    for (const [wire, stages] of [[ab, options.ab] as const, [ba, options.ba] as const]) {
      if (typeof stages === 'string') {
        wire.change(stages, wireResources)
      } else if (stages !== undefined) {
        wire.set(stages)
      }
    }
    await module.up({ addresses: options.addresses ?? [] })
    await platform.settle()
    return {
      a: ab.from.dev as NetDevice,
      b: ba.from.dev as NetDevice,
      ab,
      ba,
      close,
      down: () => cutCable(first),
      up: () => plugCable(first),
      run: (scenario, signal) =>
        runScenario(
          clock,
          scenario,
          signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]),
        ),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
