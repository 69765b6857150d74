/** CarriedCable: a cable of a lab in the worker that carries its frames. */

import type { Socket } from 'node:dgram'
import {
  cutCable,
  NETREG_REGISTERED,
  type NetDevice,
  NSEC_PER_MSEC,
  plugCable,
  TX_BYTES,
  UsageError,
} from 'vnet'
import { cable as cableDriver } from 'vnet/drivers'
import { printable } from 'vnet/kit/base'
import { loadNative } from 'vnet/kit/linux'
import { insmod, type WireResources } from 'vnet/kit/netdev'
import { dropsByName, type Net, type Port, random, unregisterNetdev } from 'vnet/net'
import { type DirectedWire, type Direction, drop, type Impairment } from 'vnet/wire'
import { INTERNAL_NETWORK } from '../model/subnet.ts'
import type { Nat } from '../nat/nat.ts'
import { natEnd, natStage, type Translator } from '../nat/nat-stage.ts'
import type { NatForward, NatSpec } from '../nat/nat-table.ts'
import type { PortControl } from '../nat/port-control.ts'
import { CableFault } from './cable-fault.ts'
import type { connectionFault } from './connection-fault.ts'
import type { PacketWatch, WatchedLink } from './packet-watch.ts'
import type {
  AdvertSpec,
  CableSpec,
  DirectionReport,
  EndReport,
  EndSpec,
  FaultSpec,
  LinkReport,
} from './protocol.ts'
import { WIRE_TEXT_OPTIONS } from './wire-text.ts'

/** The parts of a direction. Faults run first, in the order in which they were added. */
interface DirectionState {
  readonly wire: DirectedWire
  readonly faults: Map<number, CableFault>
  readonly partitions: Set<Impairment>
  /** Come before everything else. */
  watch: readonly Impairment[]
}

const DIRECTIONS = ['ab', 'ba'] as const

/** How many turns of the event loop read frames before a call. A flood does not end. */
const READ_TURNS = 100
/** A turn may end before it has read all frames that were waiting; the next turn reads them. */
const QUIET_TURNS = 2

/** Parts that the worker adds to a cable while it makes the cable. */
export interface Joining {
  /** Called with each end before its interface is made. */
  readonly onDevice?: ((dev: NetDevice, end: EndSpec) => void) | undefined
  readonly watch?: PacketWatch | undefined
  /** Binds the socket of port control on a host, by the number of its stack. */
  readonly bindUdp?: ((host: number, socket: Socket) => Promise<unknown>) | undefined
}

/**
 * A cable between two hosts, or a port of a segment, in the worker. It owns its interfaces, wires,
 * faults and NAT until `close`. The calls of tests run in order (`inOrder`), after the frames that
 * were sent before them.
 */
export class CarriedCable {
  readonly #net: Net
  readonly #devices: readonly [NetDevice, NetDevice?]
  readonly #directions: Readonly<Record<Direction, DirectionState>>
  /** Settles when the calls up to now are done. */
  #tail: Promise<unknown> = Promise.resolve()
  /** Ends pending calls when the cable is closed. */
  readonly #ending = new Set<() => void>()
  readonly #nat: Translator | undefined
  #control: PortControl | undefined
  #watch: PacketWatch | undefined
  #stopAdvertising: (() => void) | undefined
  /** The number of faults that were added since the last reset. */
  #added = 0
  /** The counters of both ends at the last reset. */
  #before: readonly [EndReport, EndReport] | undefined
  #closed: Promise<void> | undefined

  private constructor(net: Net, devices: readonly [NetDevice, NetDevice?], nat?: Translator) {
    this.#net = net
    this.#nat = nat
    this.#devices = devices
    const [ab, ba] = (devices[0].netdevOps.ndoGetWires?.(devices[0]) ?? []) as readonly [
      DirectedWire,
      DirectedWire,
    ]
    const state = (wire: DirectedWire) => ({
      wire,
      faults: new Map(),
      partitions: new Set<Impairment>(),
      watch: [],
    })
    this.#directions = { ab: state(ab), ba: state(ba) }
    const note = (line: string) => {
      const [{ logPrefix, name }] = devices
      net.log.named(logPrefix + name).warn(printable(line))
    }
    // `delay 50` in a test hardly means the microseconds of tc(8).
    for (const wire of [ab, ba]) {
      wire.textOptions = { ...WIRE_TEXT_OPTIONS, note }
    }
    if (nat !== undefined) {
      ab.wrapSender(end => natEnd(nat, net.clock, end))
    }
    // A client replaces the text, and neither faults nor the NAT.
    for (const direction of DIRECTIONS) {
      this.#set(direction)
    }
  }

  /**
   * Joins two hosts, with both ends up. The text refers to `resources`. Throws a UsageError for a
   * wrong text, and a VnetError if the kernel refuses; a failed call leaves nothing in place.
   */
  static async join(
    net: Net,
    resources: WireResources,
    spec: CableSpec,
    { onDevice = () => {}, watch, bindUdp }: Joining = {},
  ): Promise<CarriedCable> {
    const { a, b, ab, ba, seed, mtu } = spec
    const context = { args: [a.path, b.path], net, txqs: 1, rxqs: 1, wireResources: resources }
    const module = insmod(cableDriver, { ...context, params: { seed } })
    const devices = module.devices as readonly [NetDevice, NetDevice]
    const nat = spec.nat && (await makeNat(spec.nat, seed))
    const cable = new CarriedCable(net, devices, nat)
    try {
      if (watch !== undefined) {
        cable.watch(watch)
      }
      const host = spec.nat?.portMapping
      if (host !== undefined) {
        cable.#control = await controlOf(nat as Nat, net, socket => bindUdp?.(host, socket))
      }
      for (const [i, dev] of devices.entries()) {
        const end = [a, b][i] as EndSpec
        if (mtu !== undefined) {
          dev.mtu = mtu
        }
        dev.devAddr.set(end.mac)
        onDevice(dev, end)
      }
      cable.setWire(ab, ba, resources)
      await module.up({ addresses: [a.addresses, b.addresses] })
      return cable
    } catch (error) {
      await cable.close()
      throw error
    }
  }

  /** A port of a segment, with its own wire: b is the segment, which has no interface. */
  static ofPort(net: Net, dev: NetDevice): CarriedCable {
    return new CarriedCable(net, [dev])
  }

  get devices(): readonly NetDevice[] {
    return this.#devices.filter(dev => dev !== undefined)
  }

  get ports(): Port[] {
    return this.#devices.flatMap(dev => dev?.port ?? [])
  }

  /**
   * Calls `fn` after earlier calls, and after the frames that the kernels sent earlier: if a test
   * sends a packet and then changes the wire, the packet passes the unchanged wire. Rejects with a
   * UsageError if the cable is closed, and with the error that `fn` throws; later calls still run.
   */
  inOrder<T>(fn: () => T): Promise<T> {
    return this.#afterAll(() => {
      if (this.#closed !== undefined) throw new UsageError('the link is closed')
      return fn()
    })
  }

  #afterAll<T>(fn: () => T): Promise<T> {
    const done = this.#tail.then(() => this.#readAll()).then(fn)
    this.#tail = done.catch(() => {})
    return done
  }

  /**
   * Replaces the impairments of the directions that have a text. The text may name the maps of
   * `resources` and the lab's own stages. Throws a UsageError for a wrong text; then neither
   * direction changes.
   */
  setWire(ab: string | undefined, ba: string | undefined, resources: WireResources): void {
    for (const [wire, stages] of this.#stagesOf(ab, ba, resources)) {
      wire.set(stages)
    }
  }

  /** Returns the stages of the wires that have a text. A text for both is read once. */
  #stagesOf(ab: string | undefined, ba: string | undefined, resources: WireResources) {
    let read: ReturnType<DirectedWire['read']> | undefined
    return [[this.#directions.ab, ab] as const, [this.#directions.ba, ba] as const].flatMap(
      ([{ wire }, text]) => {
        if (text === undefined) return []
        if (read?.text !== text) {
          read = wire.read(text)
        }
        return [[wire, wire.stagesOf(read, resources)] as const]
      },
    )
  }

  /** Advertises a NAT64 on the cable, when it is up. Throws a VnetError. */
  async advertise({ nsfd, ...options }: AdvertSpec, seed: number): Promise<void> {
    const { advertisePref64 } = await import('./pref64-sender.ts')
    const { clock } = this.#net
    const place = { native: loadNative(), nsfd }
    this.#stopAdvertising = advertisePref64(place, { ...options, clock, random: random(seed) })
  }

  rebind(): void {
    this.#nat?.rebind?.()
    this.#control?.restart()
  }

  /** Forwards a port of the NAT. Throws a UsageError if it or its host is forwarded already. */
  forward({ protocol, port, address, to }: NatForward): void {
    const taken = this.#nat?.forward?.(protocol, port, address, to)
    if (taken === undefined) return
    const what =
      taken === port ? 'is forwarded already' : `: its host has the port ${taken} outside already`
    throw new UsageError(`forward: the port ${port} ${what}`)
  }

  setCarrier(up: boolean): void {
    if (up) {
      plugCable(this.#devices[0])
    } else {
      cutCable(this.#devices[0])
    }
  }

  /**
   * Drops every packet of `directions` for `ms` milliseconds of the clock, or until the cable is
   * closed or reset, and then settles. It starts after earlier frames, like `inOrder`, but later
   * calls do not wait for its end. On a closed cable it settles immediately.
   */
  async partition(ms: number, directions: readonly Direction[]): Promise<void> {
    // Wrapped in an object, so that later calls do not wait for the partition's end.
    const { ended } = await this.#afterAll(() => ({ ended: this.#partition(ms, directions) }))
    await ended
  }

  async #partition(ms: number, directions: readonly Direction[]): Promise<void> {
    if (this.#closed !== undefined) return
    const stage = Object.assign(drop(undefined, { every: 1 }), { kind: 'partition' })
    for (const direction of directions) {
      this.#directions[direction].partitions.add(stage)
      this.#set(direction)
    }
    await this.sleep(ms)
    for (const direction of directions) {
      this.#directions[direction].partitions.delete(stage)
      if (this.#closed === undefined) {
        this.#set(direction)
      }
    }
  }

  /** A fault of one connection is made by `ofConnection`. */
  addFault(
    id: number,
    spec: FaultSpec,
    resources: WireResources,
    ofConnection?: typeof connectionFault,
  ): void {
    const fault = new CableFault(this.#added + 1, spec, resources, ofConnection)
    this.#added++
    this.#directions[spec.direction].faults.set(id, fault)
    this.#setAround(fault, spec.direction)
  }

  /** Settles when a fault has hit `n` packets. Rejects if it is removed or the cable closed. */
  async hit(id: number, n: number): Promise<void> {
    const fault = this.#directions.ab.faults.get(id) ?? this.#directions.ba.faults.get(id)
    if (fault === undefined) throw new UsageError('the fault was removed')
    await fault.hit(n)
  }

  /** Removes a fault. Packets that it holds arrive. */
  removeFault(id: number): void {
    for (const direction of DIRECTIONS) {
      const { faults } = this.#directions[direction]
      const fault = faults.get(id)
      if (fault === undefined) continue
      faults.delete(id)
      this.#setAround(fault, direction)
      fault.end('the fault was removed')
    }
  }

  watch(watch: PacketWatch): void {
    this.#watch = watch
    for (const direction of DIRECTIONS) {
      this.#directions[direction].watch = watch.stages(direction)
      this.#set(direction)
    }
  }

  get watched(): WatchedLink | undefined {
    return this.#watch?.watched
  }

  report(): LinkReport {
    const [a, b] = this.#ends()
    const [beforeA, beforeB] = this.#before ?? []
    const { ab, ba } = this.#directions
    return {
      a: sinceReset(a, beforeA),
      b: sinceReset(b, beforeB),
      ab: reportOf(ab),
      ba: reportOf(ba),
    }
  }

  /**
   * Makes it as if it were new, with these texts: without faults, partitions and counts, and with a
   * NAT without mappings. Held packets arrive. A wrong text changes nothing.
   */
  reset(seed: number, ab: string, ba: string, resources: WireResources): void {
    const changes = this.#stagesOf(ab, ba, resources)
    for (const end of this.#ending) {
      end()
    }
    this.#added = 0
    for (const direction of DIRECTIONS) {
      const { wire, faults, partitions } = this.#directions[direction]
      for (const fault of faults.values()) {
        fault.end('the link was reset')
      }
      faults.clear()
      partitions.clear()
      wire.restart(seed)
    }
    for (const [wire, stages] of changes) {
      wire.set(stages)
    }
    this.rebind()
    this.#before = this.#ends()
  }

  #ends(): readonly [EndReport, EndReport] {
    return [endReport(this.#devices[0]), endReport(this.#devices[1])]
  }

  /** Deletes both interfaces. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    for (const end of this.#ending) {
      end()
    }
    this.#control?.close()
    this.#stopAdvertising?.()
    for (const { faults } of Object.values(this.#directions)) {
      for (const fault of faults.values()) {
        fault.end('the link was closed')
      }
    }
    const registered = this.#devices.filter(
      dev => dev?.regState === NETREG_REGISTERED,
    ) as NetDevice[]
    await Promise.all(registered.map(dev => unregisterNetdev(dev)))
  }

  async #readAll(): Promise<void> {
    const read = () => this.#devices.reduce((sum, dev) => sum + (dev?.counters.frames().in ?? 0), 0)
    let before = read()
    for (let turn = 0, quiet = 0; turn < READ_TURNS && quiet < QUIET_TURNS; turn++) {
      await new Promise(setImmediate)
      const now = read()
      quiet = now === before ? quiet + 1 : 0
      before = now
    }
  }

  /** Settles after `ms` milliseconds of the clock, or when the cable is closed. */
  async sleep(ms: number): Promise<void> {
    const { clock } = this.#net
    let end = () => {}
    const ended = new Promise<void>(resolve => {
      end = resolve
    })
    const alarm = clock.alarm(end)
    alarm.at(clock.now() + ms * NSEC_PER_MSEC)
    this.#ending.add(end)
    await ended
    this.#ending.delete(end)
    alarm.cancel()
  }

  /** Puts the stages of a fault in place that was added to a direction or removed from it. */
  #setAround({ back }: CableFault, direction: Direction): void {
    for (const each of back === undefined ? [direction] : DIRECTIONS) {
      this.#set(each)
    }
  }

  /** Puts the other stages of a direction around the stages of its text. */
  #set(direction: Direction): void {
    const { faults: back } = this.#directions[direction === 'ab' ? 'ba' : 'ab']
    const { wire, faults, partitions, watch } = this.#directions[direction]
    const nat = this.#nat === undefined ? [] : [natStage(this.#nat)]
    wire.surround(stages => {
      const all = [
        ...watch,
        ...partitions,
        ...[...faults.values()].map(({ stage }) => stage),
        ...[...back.values()].flatMap(({ back: stage }) => stage ?? []),
        ...stages,
      ]
      // Everything else is on the outer side of the NAT.
      return direction === 'ab' ? [...nat, ...all] : [...all, ...nat]
    })
  }
}

/** Loads the NAT, which few cables have. */
async function makeNat(
  { kind, address, external, ...options }: NatSpec,
  seed: number,
): Promise<Translator> {
  if (kind === 'nptv6') {
    const { Nptv6 } = await import('../nat/nptv6.ts')
    return new Nptv6(INTERNAL_NETWORK.bytes, external as Uint8Array)
  }
  const { Nat: LoadedNat } = await import('../nat/nat.ts')
  if (kind !== 'nat64') return new LoadedNat(kind, address, random(seed), options)
  const { Siit } = await import('../nat/siit.ts')
  // RFC 6146 section 3.5: the mapping does not depend on the peer, the filtering on its address.
  return new LoadedNat('restricted', address, random(seed), {
    ...options,
    blocks: true,
    siit: new Siit(),
  })
}

/** Serves requests for ports, by a socket that `bind` binds. Few NATs do. */
async function controlOf(
  nat: Nat,
  { clock }: Net,
  bind: (socket: Socket) => unknown,
): Promise<PortControl> {
  const { PortControl: LoadedPortControl } = await import('../nat/port-control.ts')
  const control = new LoadedPortControl(nat, clock)
  try {
    await bind(control.socket)
    return control
  } catch (error) {
    control.close()
    throw error
  }
}

function reportOf({ wire }: DirectionState): DirectionReport {
  return { text: wire.text, stages: wire.report(), former: wire.former, extra: wire.extra }
}

function endReport(dev: NetDevice | undefined): EndReport {
  if (dev === undefined) return { sent: 0, sentBytes: 0, received: 0, drops: {}, beforeVnet: 0 }
  const { counters } = dev
  const { tx, rx } = counters.drops()
  const { in: sent, out: received } = counters.frames()
  const sentBytes = counters.sum()[TX_BYTES] as number
  return { sent, sentBytes, received, drops: dropsByName(tx, rx), beforeVnet: dev.beforeVnet(true) }
}

function sinceReset(report: EndReport, before?: EndReport): EndReport {
  if (before === undefined) return report
  const { sent, sentBytes, received, drops, beforeVnet } = report
  const more = Object.entries(drops).map(
    ([reason, n]) => [reason, n - (before.drops[reason] ?? 0)] as const,
  )
  return {
    sent: sent - before.sent,
    sentBytes: sentBytes - before.sentBytes,
    received: received - before.received,
    drops: Object.fromEntries(more.filter(([, n]) => n > 0)),
    beforeVnet: beforeVnet - before.beforeVnet,
  }
}
