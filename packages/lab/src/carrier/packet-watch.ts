/** PacketWatch: records the packets of a link by name, and applies planned faults to them. */

import type { SkBuff } from 'vnet'
import type { WireResources } from 'vnet/kit/netdev'
import { FaultActions, type FaultVerb, HeldPackets, LimitedQueue, Streams } from 'vnet/kit/wire'
import { type Direction, type Impairment, impairment, type Wire, type WireEnv } from 'vnet/wire'
import {
  type ConnectionVerb,
  isConnectionVerb,
  isLinkVerb,
  isMeant,
  isNemesisVerb,
  type PlannedFault,
  type WatchedPacket,
} from '../model/index.ts'
import type { Place } from './cuts.ts'
import type { FaultPlan } from './fault-plan.ts'
import { Flows } from './flows.ts'
import type { WatchSpec } from './protocol.ts'
import { parseLabWire } from './wire-text.ts'

/** The most packets that are recorded, and the most bytes of each. */
const PACKETS_MAX = 20_000
const SNAPLEN = 128
/** The most packets that a direction holds while a fault of hosts happens. */
const FROZEN_LIMIT = { packets: 1000 }

/** The packets of one link of a run, in the order in which they entered it. */
export interface WatchedLink {
  readonly packets: readonly WatchedPacket[]
  /** Packets that were not recorded, because there were too many. */
  readonly unrecorded: number
}

/** The packets of a direction that wait for a fault of hosts. */
class FrozenQueue extends LimitedQueue<HeldPackets> {
  push(skb: SkBuff): void {
    this.hold(skb, 0)
  }

  /** Takes the first packet; undefined without one. */
  take(): SkBuff | undefined {
    const skb = this.shift()
    if (skb !== undefined) {
      this.release(skb)
    }
    return skb
  }
}

export class PacketWatch {
  readonly #flows: Flows
  readonly #streams = new Streams(true)
  readonly #plan: FaultPlan
  readonly #link: string
  readonly #ends: readonly [string, string]
  readonly #packets: Recorded[] = []
  /** The packets that a direction has not lost, by their number there. */
  readonly #passed = { ab: new Set<number>(), ba: new Set<number>() }
  readonly #wires: Readonly<Record<Direction, readonly Impairment[]>>
  #unrecorded = 0

  /** `hosts` has the names of all addresses, also on links that are made later. */
  constructor(
    { link, ends, ab, ba }: Pick<WatchSpec, 'link' | 'ends' | 'ab' | 'ba'>,
    hosts: ReadonlyMap<string, string>,
    plan: FaultPlan,
    resources: WireResources,
  ) {
    this.#flows = new Flows(hosts)
    this.#plan = plan
    this.#link = link
    this.#ends = ends
    const parse = (text: string, direction: Direction) => parseLabWire(text, resources, direction)
    this.#wires = { ab: parse(ab, 'ab'), ba: parse(ba, 'ba') }
  }

  get watched(): WatchedLink {
    const packets = this.#packets.map(({ id, isCut, ...packet }) => {
      const { direction } = packet
      const isInWire = this.#wires[direction].length > 0 && !this.#passed[direction].has(id)
      return { ...packet, lost: isCut || isInWire }
    })
    return { packets, unrecorded: this.#unrecorded }
  }

  /** Returns the stages of one direction: the watch, its wire, and a stage that sees the rest. */
  stages(direction: Direction): readonly Impairment[] {
    const wire = this.#wires[direction]
    return wire.length === 0
      ? [this.#watch(direction)]
      : [this.#watch(direction), ...wire, this.#end(direction)]
  }

  #end(direction: Direction): Impairment {
    const passed = this.#passed[direction]
    const make = (_: null, next: Wire): Wire => ({
      push: skb => {
        passed.add(skb.packetId)
        next.push(skb)
      },
      change: () => () => {},
    })
    return impairment('watch end', null, make)
  }

  #watch(direction: Direction): Impairment {
    const plan = this.#plan
    const [from, to] = direction === 'ab' ? this.#ends : ([this.#ends[1], this.#ends[0]] as const)
    const place = { link: this.#link, direction, from, to }
    const make = (_: null, next: Wire, env: WireEnv): Wire => {
      const actions = new FaultActions(next, env)
      const frozen = new FrozenQueue(FROZEN_LIMIT, env, new HeldPackets())
      /** The first held packet has had its faults; what it needs to pass remains. */
      let waiting: Passing | undefined
      const pass = (skb: SkBuff, passing: Passing) =>
        this.#pass(skb, passing, { place, actions, next, env })
      const arrive = (skb: SkBuff) => {
        const segment = plan.isAtBytes ? this.#streams.see(skb, direction) : undefined
        const seen = this.#see(skb, env, direction)
        if (segment?.connection.cut !== undefined) {
          if (seen !== undefined) {
            seen.packet.isCut = true
          }
          this.#streams.later(skb, segment, next, env)
          return
        }
        if (seen === undefined || seen.faults.length === 0) {
          pass(skb, { packet: seen?.packet })
          return
        }
        const { faults, packet } = seen
        const { head } = packet
        const own = faults.find(isPacketFault)
        const nemesis = faults.filter(fault => !isPacketFault(fault))
        const silent = nemesis.find(({ verb, part }) => isLinkVerb(verb) && part === 'byte')
        const passing = { own, packet, segment, byte: silent?.n }
        const happen = (isChosen: (fault: PlannedFault) => boolean) => {
          for (const fault of nemesis.filter(isChosen)) {
            plan.happen(fault, { ...place, head })
          }
        }
        // The packet after which its connection is forgotten has been sent.
        happen(({ verb }) => verb !== 'forget')
        if (!plan.isFrozen) {
          pass(skb, passing)
        } else {
          waiting = passing
          frozen.push(skb)
        }
        happen(({ verb }) => verb === 'forget')
      }
      plan.onThaw(() => {
        env.advance()
        while (!plan.isFrozen) {
          const skb = frozen.take()
          if (skb === undefined) return
          const seen = waiting
          waiting = undefined
          if (seen !== undefined) {
            pass(skb, seen)
          } else if (plan.cuts.haveLost(place, skb)) {
            env.drop(skb, 'silence')
          } else {
            arrive(skb)
          }
        }
      })
      return {
        push: skb => {
          if (!plan.isFrozen) {
            arrive(skb)
          } else if (plan.cuts.haveLost(place, skb)) {
            env.drop(skb, 'silence')
          } else {
            frozen.push(skb)
          }
        },
        close: () => {
          frozen.close()
          actions.close()
        },
        change: () => () => {},
      }
    }
    return impairment('watch', null, make)
  }

  #pass(
    skb: SkBuff,
    { own, packet, segment, byte }: Passing,
    { place, actions, next, env }: Passage,
  ): void {
    if (this.#plan.cuts.areDead(place)) {
      const isWhole = segment === undefined || byte === undefined
      if (packet !== undefined) {
        packet.isCut = isWhole || segment.first >= byte
      }
      if (isWhole) {
        env.drop(skb, 'silence')
      } else {
        this.#streams.passBefore(skb, segment, byte, 'silence', next, env)
      }
    } else if (own === undefined) {
      actions.pass(skb)
    } else if (segment !== undefined && isEnding(own)) {
      this.#streams.cut(own.verb, skb, segment, own.n, next, env)
    } else if (isConnectionVerb(own.verb)) {
      // A stream that is older than the link, so that its bytes have no numbers, or an own reset.
      actions.pass(skb)
    } else {
      actions.apply(own.verb, skb, own.time)
    }
  }

  /** Records a packet. Returns its faults; undefined without a name. */
  #see(
    { bytes, data, len, packetId }: SkBuff,
    env: WireEnv,
    direction: Direction,
  ): Seen | undefined {
    const named = this.#flows.name(bytes, data, len)
    if (named === undefined) return undefined
    if (this.#packets.length === PACKETS_MAX) {
      this.#unrecorded++
      return undefined
    }
    const { half, number, part, n, end, copy } = named
    const head = bytes.slice(data, data + Math.min(len, SNAPLEN))
    const name = { direction, flow: half.text, number, part, n, end, copy, head }
    let faults = this.#faultsOf(name)
    while (faults.length > 0 && this.#plan.renew()) {
      faults = this.#faultsOf(name)
    }
    const rest = {
      id: packetId,
      time: env.clock.now(),
      length: len,
      hit: faults.length > 0,
      isCut: false,
    }
    const packet = { ...name, ...rest }
    this.#packets.push(packet)
    return { faults, packet }
  }

  #faultsOf(packet: Parameters<typeof isMeant>[0]): readonly PlannedFault[] {
    const { faults } = this.#plan
    if (!faults.some(fault => fault.link === this.#link && isMeant(packet, fault))) return NONE
    return faults.filter(fault => {
      if (fault.link !== this.#link || !isMeant(packet, fault)) return false
      return this.#packets.filter(each => isMeant(each, fault)).length + 1 === fault.copy
    })
  }
}

const NONE: readonly PlannedFault[] = []

interface Recorded extends Omit<WatchedPacket, 'lost'> {
  readonly id: number
  /** Whether it was lost because its direction was dead. */
  isCut: boolean
}

type Seen = Readonly<{ faults: readonly PlannedFault[]; packet: Recorded }>

type PacketFault = PlannedFault & { readonly verb: FaultVerb | ConnectionVerb }

/** Whether a fault ends a connection at a byte. */
const isEnding = (
  fault: PacketFault,
): fault is PacketFault & { readonly verb: 'reset' | ConnectionVerb } =>
  fault.part === 'byte' && (fault.verb === 'reset' || isConnectionVerb(fault.verb))

/** The place of a watch, and what its packets pass to. */
interface Passage {
  readonly place: Place
  readonly actions: FaultActions
  readonly next: Wire
  readonly env: WireEnv
}

/** The fault of a packet, its record and its segment, until it passes the watch. */
interface Passing {
  readonly own?: PacketFault | undefined
  readonly packet?: Recorded | undefined
  readonly segment?: ReturnType<Streams['see']>
  /** The byte from which on its link is dead. */
  readonly byte?: number | undefined
}

const isPacketFault = (fault: PlannedFault): fault is PacketFault => !isNemesisVerb(fault.verb)
