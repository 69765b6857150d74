/**
 * DirectedWire: the wire of one direction between two devices. Without stages frames go straight to
 * the receiver; with stages they pass a chain.
 */
import { type Clock, describeException, LimitedLog, printable } from '../base/index.ts'
import type {
  DeviceWire,
  KernelFilter,
  StageReport,
  WireResources,
  WireScenario,
  WireSide,
} from '../netdev/device-wire.ts'
import { directionText, presetDirection } from '../netdev/device-wire.ts'
import { NETDEV_WIRE, type Net, type NetDevice, netifRxFrom } from '../netdev/index.ts'
import { Ring, SKB_DROP_REASON_TX_CARRIER, type SkBuff } from '../skb/index.ts'
import { Chain, type ChainOptions, type Extra } from './chain.ts'
import type { TextOptions } from './grammar/cursor.ts'
import { buildGroups, directed } from './grammar/groups.ts'
import { type ReadWireText, readWireText } from './parse.ts'
import { type Direction, type Impairment, textOf, type Wire } from './wire.ts'

/** The parts of a NetDevice that its wire uses, whatever its driver's own data. */
export type WireDevice = Pick<NetDevice, 'name' | 'mergesWire' | 'frameProbe'> &
  Partial<Pick<NetDevice, 'beforeVnet'>>

/** One of the two ends that a wire joins. */
export interface WireEnd {
  /** Receives the frames. DirectedWire.wrapSender may replace it. */
  wire: Wire
  /** The device there, which merges packets that the wire has cut. */
  readonly dev?: WireDevice | undefined
  /** Drops a frame in flight to the device; without it `skb.dev`, the sender, counts the drop. */
  drop?(skb: SkBuff, reason: number): void
  /** The frames of this end that were lost before vnet; by default `dev`'s. */
  beforeVnet?(now: boolean): number
}

/**
 * The two ends of a DirectedWire and its surroundings, for its whole life. They remain the
 * caller's.
 */
export interface DirectedWireOptions
  extends Pick<ChainOptions, 'direction' | 'side' | 'seed' | 'log'> {
  readonly net: Net
  readonly clock?: Clock | undefined
  /** The seed of the run, from which `seed` was drawn. */
  readonly runSeed?: number | undefined
  readonly from: WireEnd
  readonly to: WireEnd
  /** Called when the wire gets its first stages. */
  readonly onStages?: () => void
  readonly stage?: WireResources['stage']
}

/**
 * The wire of one direction of a cable or an attachment, as its program uses it: read its text and
 * reports, and change it by `set`. It ends with the devices that it joins; a program does not close
 * it.
 */
export class DirectedWire implements DeviceWire {
  readonly direction: Direction
  readonly side: WireSide | undefined
  seed: number
  runSeed: number | undefined
  text = ''
  scenario: WireScenario | undefined
  /** Set by an attachment. */
  only: KernelFilter | undefined
  /** Set by an attachment. */
  bypassed: (() => number) | undefined
  /** Takes the frames of the sending device: the chain, or the receiver's wire. */
  wire: Wire
  /** @internal By default times without a unit are microseconds, and notes are logged. */
  textOptions: TextOptions
  readonly #options: DirectedWireOptions
  readonly #limitedLog: LimitedLog
  #chain: Chain | undefined
  #stages: readonly Impairment[] = []
  #around: ((stages: readonly Impairment[]) => readonly Impairment[]) | undefined

  constructor(options: DirectedWireOptions) {
    this.#options = options
    this.#limitedLog = new LimitedLog(options.net.log, options.net.clock, { lines: 1, seconds: 1 })
    this.direction = options.direction
    this.side = options.side
    this.seed = options.seed
    this.runSeed = options.runSeed
    this.wire = options.to.wire
    this.textOptions = { bareUs: true, note: line => options.net.log.warn(printable(line)) }
  }

  /** The stages that were set, without those around them. */
  get stages(): readonly Impairment[] {
    return this.#stages
  }

  get from(): WireEnd {
    return this.#options.from
  }

  /** @internal Wraps the wire to the sender, which takes replies, before stages are set. */
  wrapSender(wrap: (wire: Wire) => Wire): void {
    const { from } = this.#options
    from.wire = wrap(from.wire)
  }

  /**
   * @internal Puts stages of the caller around the stages that are set, now and later: `around`
   * returns all; their text is the wire's. Call it again when `around` returns others.
   */
  surround(around: (stages: readonly Impairment[]) => readonly Impairment[]): void {
    this.#around = around
    this.set(this.#stages)
  }

  /**
   * Replaces the stages, immediately. A stage of the same kind and ordinal as before continues with
   * its new parameters and its held packets; packets that removed stages hold still leave. `text`
   * is the text that clients see.
   */
  set(stages: readonly Impairment[], text = textOf(stages)): void {
    this.#stages = stages
    const all = this.#around?.(stages)
    if (all === undefined) {
      this.#put(stages, text)
    } else {
      this.#put(all, textOf(all))
    }
  }

  #put(stages: readonly Impairment[], text: string): void {
    if (this.#chain === undefined && stages.length === 0) return
    if (this.text === '' && stages.length !== 0) {
      this.#options.onStages?.()
    }
    this.#chain ??= this.#newChain()
    this.#chain.set(stages, text)
    const before = this.text
    this.text = text
    this.wire = this.#chain.busy ? this.#chain : this.#options.to.wire
    if (text !== before) {
      wireChanged(this.#options.net, this)
    }
  }

  /** Removes all stages and their counts. Later stages draw from a new seed. */
  restart(seed: number): void {
    this.#stages = []
    this.#put([], '')
    this.seed = seed
    this.#chain?.restart(seed)
  }

  read(text: string): ReadWireText {
    return readWireText(text, this.textOptions)
  }

  change(text: string | ReadWireText, resources: WireResources): void {
    const read = typeof text === 'string' ? this.read(text) : text
    this.set(this.stagesOf(read, resources), read.text)
  }

  /** @internal Returns the stages of a text in this direction. Throws a UsageError. */
  stagesOf({ groups, notes }: ReadWireText, resources: WireResources): Impairment[] {
    for (const line of notes) {
      this.textOptions.note?.(`wire ${directionText(this)}: ${line}`)
    }
    // A client that changes the wire has files and filters of its own, but no stages.
    const own: WireResources = {
      filter: filter => resources.filter(filter),
      file: path => resources.file(path),
      stage: this.#options.stage,
    }
    return buildGroups(directed(groups, presetDirection(this)), own)
  }

  /** While a probe watches either device, every frame passes a chain, which numbers it. */
  probeChanged(): void {
    const { from, to } = this.#options
    const isProbed = from.dev?.frameProbe !== undefined || to.dev?.frameProbe !== undefined
    if (!isProbed && this.#chain === undefined) return
    this.#chain ??= this.#newChain()
    this.#chain.setProbes(from.dev?.frameProbe, to.dev?.frameProbe)
    this.wire = this.#chain.busy ? this.#chain : to.wire
  }

  beforeVnet(now: boolean): number {
    const { from } = this.#options
    return from.beforeVnet?.(now) ?? from.dev?.beforeVnet?.(now) ?? 0
  }

  report(): readonly StageReport[] {
    return this.#chain?.report() ?? []
  }

  get former(): readonly StageReport[] {
    return this.#chain?.former ?? []
  }

  /** @internal What GSO frames have become more by being cut, since the last restart. */
  get extra(): Extra {
    return this.#chain?.extra ?? { packets: 0, bytes: 0 }
  }

  close(): void {
    this.#chain?.close()
  }

  #newChain(): Chain {
    const { net, clock, from, to, stage: _, runSeed: _run, ...options } = this.#options
    const { dev } = to
    return new Chain({
      ...options,
      seed: this.seed,
      // A ring of its own: packets of one chain may enter another, which cuts frames too.
      clock: clock ?? net.clock,
      pool: net.pool,
      segments: new Ring(net.segments.capacity),
      end: to.wire,
      back: from.wire,
      drop: to.drop,
      onPackets: packets => {
        if (dev !== undefined) {
          dev.mergesWire = packets
        }
      },
      onIdle: () => {
        this.wire = to.wire
      },
      failed: (stage, error) => {
        const what = `wire ${directionText(this)}, ${stage}`
        this.#limitedLog.err(what, () => `${what}: ${describeException(error)}`)
      },
    })
  }
}

/** Returns a wire to `to` that keeps queues, and drops frames while the cable is cut. */
export function direct(to: NetDevice): Wire {
  return {
    push(skb: SkBuff): void {
      if (to.cut) {
        skb.drop(SKB_DROP_REASON_TX_CARRIER)
        return
      }
      skb.dev = to
      netifRxFrom(skb, 'wire')
    },
  }
}

/** Logs that the stages of `wire` were replaced, and notifies of each device that has it. */
function wireChanged(net: Net, wire: DeviceWire): void {
  const devices = net.devices.filter(({ wires }) => wires.includes(wire))
  devices[0]?.log.info(
    printable(`wire ${directionText(wire)}: ${wire.text === '' ? 'off' : wire.text}`),
  )
  for (const dev of devices) {
    net.callNetdeviceNotifiers(NETDEV_WIRE, dev)
  }
}
