/**
 * 'vnet/wire': cables with wires that a program controls, and the impairments for them.
 *
 *     const ab = [delay('20ms'), loss(0.01)]
 *     await using link = await openCable('left/a', 'right/b', { ab, seed: 7 })
 */
import './base/dispose.ts'
import { LOGLEVEL_WARNING, Log } from './base/log.ts'
import { random } from './base/random.ts'
import { driver as cableDriver } from './drivers/cable.ts'
import { TimerfdClock } from './linux/clock.ts'
import { loadNative } from './linux/native.ts'
import { LinuxPlatform } from './linux/platform.ts'
import { insmod, type Module } from './netdev/module.ts'
import { Net } from './netdev/net.ts'
import type { NetDevice } from './netdev/net-device.ts'
import { cutCable, plugCable } from './netdev/netif.ts'
import { runScenario, type Scenario } from './wire/scenario.ts'
import type { Impairment } from './wire/wire.ts'
import { LinuxWireResources } from './wire/wire-resources.node.ts'
import type { WireSlot } from './wire/wire-slot.ts'

export * from './wire/index.ts'

export interface CableOptions {
  /** The stages from a to b and back: impairments, or a text. */
  readonly ab?: readonly Impairment[] | string
  readonly ba?: readonly Impairment[] | string
  /** The seed of all random decisions; random by default. */
  readonly seed?: number
  /** A file to which every decision of the wires is written, one JSON line each. */
  readonly logFile?: string
  /** IP addresses of both ends, with their prefix: `198.18.0.1/24`. */
  readonly addresses?: { readonly a?: readonly string[]; readonly b?: readonly string[] }
  /** Called with warnings and errors, a line each; by default they go to stderr. */
  readonly log?: (line: string) => void
}

/** A cable between two interfaces. Disposing of it deletes both. */
export interface Cable extends AsyncDisposable {
  readonly a: NetDevice
  readonly b: NetDevice
  /** The wires from a to b and back: their texts, reports, and `set` to change them. */
  readonly ab: WireSlot
  readonly ba: WireSlot
  /** Cuts the cable: neither end has a carrier. */
  down(): void
  /** Plugs it in again. */
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
export async function openCable(a: string, b: string, options: CableOptions = {}): Promise<Cable> {
  const native = loadNative()
  const log = new Log(LOGLEVEL_WARNING, (_, line) => (options.log ?? console.error)(line))
  const platform = new LinuxPlatform(native, text => log.warn(text))
  const clock = new TimerfdClock(native)
  const wireResources = new LinuxWireResources()
  const ended = new AbortController()
  let module: Module | undefined
  let closed: Promise<void> | undefined
  function close(): Promise<void> {
    closed ??= closeAll()
    return closed
  }
  async function closeAll(): Promise<void> {
    ended.abort()
    await module?.rmmod()
    clock.close()
    await wireResources[Symbol.asyncDispose]()
    await platform[Symbol.asyncDispose]()
  }
  try {
    const net = new Net({ platform, clock, log, random: random(Math.floor(Math.random() * 2 ** 32)) })
    const params = { seed: options.seed ?? 0, log: options.logFile }
    module = insmod(cableDriver, { args: [a, b], net, txqs: 1, rxqs: 1, wireResources, params })
    const [first, second] = module.devices as readonly [NetDevice, NetDevice]
    const [ab, ba] = (first.netdevOps.ndoGetWires?.(first) ?? []) as readonly [WireSlot, WireSlot]
    for (const [wire, stages] of [[ab, options.ab] as const, [ba, options.ba] as const]) {
      if (typeof stages === 'string') wire.change(stages, wireResources)
      else if (stages !== undefined) wire.set(stages)
    }
    await module.up({ addresses: [options.addresses?.a, options.addresses?.b] })
    await platform.settle()
    return {
      a: first,
      b: second,
      ab,
      ba,
      close,
      down: () => cutCable(first),
      up: () => plugCable(first),
      run: (scenario, signal) =>
        runScenario(clock, scenario, signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal])),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
