/** LinkWatch: records the packets of a link by name, and applies planned faults to them. */
import type { WireAttachment } from 'vnet/internal/control/protocol/attachment'
import type { WireResources } from 'vnet/internal/netdev/device-wire'
import type { SkBuff } from 'vnet/internal/skb/sk-buff'
import { parseWire } from 'vnet/internal/wire/parse'
import { FaultActions } from 'vnet/internal/wire/stages/fault-actions'
import { type Direction, type Impairment, impairment, type Wire, type WireEnv } from 'vnet/internal/wire/wire'
import { Flows, type HalfFlow, type NamedPacket } from './flows.ts'
import type { PlannedFault, WatchedPacket } from './packet-name.ts'

/** The most packets that are recorded, and the most bytes of each. */
const PACKETS_MAX = 20_000
const SNAPLEN = 128

/** A planned fault, and the matching transmissions up to now. */
interface Pending {
  readonly fault: PlannedFault
  seen: number
}

export interface WatchSpec {
  /** The lab, by a text that no other lab of the thread has. */
  readonly lab: string
  /** Wires before the link's own, with their compiled filters. */
  readonly ab: string
  readonly ba: string
  readonly filters?: readonly WireAttachment[] | undefined
  /** The names of the addresses of the lab up to now. */
  readonly hosts: readonly (readonly [address: string, host: string])[]
  readonly plan: readonly PlannedFault[]
}

export interface WatchedLink {
  readonly packets: readonly WatchedPacket[]
  /** Packets that were not recorded, because there were too many. */
  readonly unrecorded: number
}

export class LinkWatch {
  readonly #flows: Flows
  readonly #plan: readonly PlannedFault[]
  readonly #pending = new Map<HalfFlow, readonly Pending[]>()
  readonly #packets: (Omit<WatchedPacket, 'lost'> & { readonly id: number })[] = []
  /** The packets that a direction has not lost, by their number there. */
  readonly #passed = { ab: new Set<number>(), ba: new Set<number>() }
  readonly #wires: Readonly<Record<Direction, readonly Impairment[]>>
  #unrecorded = 0

  /** `hosts` has the names of all addresses, also on links that are made later. */
  constructor({ plan, ab, ba }: WatchSpec, hosts: ReadonlyMap<string, string>, resources: WireResources) {
    this.#flows = new Flows(hosts)
    this.#plan = plan
    const parse = (text: string, direction: Direction) => parseWire(text, resources, direction, { bareUs: false })
    this.#wires = { ab: parse(ab, 'ab'), ba: parse(ba, 'ba') }
  }

  get watched(): WatchedLink {
    const packets = this.#packets.map(({ id, ...packet }) => {
      const { direction } = packet
      return { ...packet, lost: this.#wires[direction].length > 0 && !this.#passed[direction].has(id) }
    })
    return { packets, unrecorded: this.#unrecorded }
  }

  /** Returns the stages of one direction: the watch, its wire, and a stage that sees the rest. */
  stages(direction: Direction): readonly Impairment[] {
    const wire = this.#wires[direction]
    return wire.length === 0 ? [this.#watch(direction)] : [this.#watch(direction), ...wire, this.#end(direction)]
  }

  #end(direction: Direction): Impairment {
    const passed = this.#passed[direction]
    const make = (_: null, next: Wire): Wire => ({
      push: skb => {
        passed.add(skb.packetId)
        next.push(skb)
      },
      change: () => true,
    })
    return impairment('watch end', null, make)
  }

  #watch(direction: Direction): Impairment {
    const make = (_: null, next: Wire, env: WireEnv): Wire => {
      const actions = new FaultActions(next, env)
      return {
        push: skb => {
          const fault = this.#see(skb, direction, env)
          if (fault === undefined) actions.pass(skb)
          else actions.apply(fault.verb, skb, fault.time)
        },
        close: () => actions.close(),
        change: () => true,
      }
    }
    return impairment('watch', null, make)
  }

  /** Records a packet. Returns its fault. */
  #see({ bytes, data, len, packetId }: SkBuff, direction: Direction, env: WireEnv): PlannedFault | undefined {
    const named = this.#flows.name(bytes, data, len)
    if (named === undefined) return undefined
    const fault = this.#faultOf(named, direction)
    if (this.#packets.length === PACKETS_MAX) {
      this.#unrecorded++
      return fault
    }
    const { half, number, part, n, end, copy } = named
    const head = bytes.slice(data, data + Math.min(len, SNAPLEN))
    const packet = { direction, flow: half.text, number, part, n, end, copy, head }
    const hit = fault !== undefined
    this.#packets.push({ ...packet, id: packetId, time: env.clock.now(), length: len, hit })
    return fault
  }

  #faultOf({ half, part, n, end }: NamedPacket, direction: Direction): PlannedFault | undefined {
    let pending = this.#pending.get(half)
    if (pending === undefined) {
      const own = this.#plan.filter(fault => fault.flow === half.text && fault.direction === direction)
      pending = own.map(fault => ({ fault, seen: 0 }))
      this.#pending.set(half, pending)
    }
    let hit: PlannedFault | undefined
    for (const each of pending) {
      const { fault } = each
      if (fault.part !== part) continue
      // Another run may cut the same bytes into other segments.
      const isMeant = part === 'seq' ? n <= fault.n && fault.n < end : n === fault.n
      if (isMeant && ++each.seen === fault.copy) hit ??= fault
    }
    return hit
  }
}
