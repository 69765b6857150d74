/** LinkWatch: records the packets of a link by name, and applies planned faults to them. */
import type { WireAttachment } from 'vnet/internal/control/protocol/attachment'
import type { WireResources } from 'vnet/internal/netdev/device-wire'
import type { SkBuff } from 'vnet/internal/skb/sk-buff'
import { parseWire } from 'vnet/internal/wire/parse'
import { FaultActions } from 'vnet/internal/wire/stages/fault-actions'
import { type Direction, type Impairment, impairment, type Wire, type WireEnv } from 'vnet/internal/wire/wire'
import type { FaultPlan } from './fault-plan.ts'
import { Flows } from './flows.ts'
import type { PlannedFault, WatchedPacket } from './packet-name.ts'

/** The most packets that are recorded, and the most bytes of each. */
const PACKETS_MAX = 20_000
const SNAPLEN = 128

export interface WatchSpec {
  /** The lab, by a text that no other lab of the thread has. */
  readonly lab: string
  /** The name of the link: `client-server`. */
  readonly link: string
  /** Wires before the link's own, with their compiled filters. */
  readonly ab: string
  readonly ba: string
  readonly filters?: readonly WireAttachment[] | undefined
  /** The names of the addresses of the lab up to now. */
  readonly hosts: readonly (readonly [address: string, host: string])[]
  /** The faults of all links of the lab. */
  readonly plan: readonly PlannedFault[]
  /** Same as in LabSetup. */
  readonly stops?: boolean | undefined
}

export interface WatchedLink {
  readonly packets: readonly WatchedPacket[]
  /** Packets that were not recorded, because there were too many. */
  readonly unrecorded: number
}

export class LinkWatch {
  readonly #flows: Flows
  readonly #plan: FaultPlan
  readonly #link: string
  readonly #packets: (Omit<WatchedPacket, 'lost'> & { readonly id: number })[] = []
  /** The packets that a direction has not lost, by their number there. */
  readonly #passed = { ab: new Set<number>(), ba: new Set<number>() }
  readonly #wires: Readonly<Record<Direction, readonly Impairment[]>>
  #unrecorded = 0

  /** `hosts` has the names of all addresses, also on links that are made later. */
  constructor(
    { link, ab, ba }: Pick<WatchSpec, 'link' | 'ab' | 'ba'>,
    hosts: ReadonlyMap<string, string>,
    plan: FaultPlan,
    resources: WireResources,
  ) {
    this.#flows = new Flows(hosts)
    this.#plan = plan
    this.#link = link
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
    if (this.#packets.length === PACKETS_MAX) {
      this.#unrecorded++
      return undefined
    }
    const { half, number, part, n, end, copy } = named
    const head = bytes.slice(data, data + Math.min(len, SNAPLEN))
    const packet = { direction, flow: half.text, number, part, n, end, copy, head }
    let fault = this.#faultOf(packet)
    while (fault !== undefined && this.#plan.renew()) fault = this.#faultOf(packet)
    const hit = fault !== undefined
    this.#packets.push({ ...packet, id: packetId, time: env.clock.now(), length: len, hit })
    return fault
  }

  #faultOf(packet: MeantPacket): PlannedFault | undefined {
    return this.#plan.faults.find(fault => {
      if (fault.link !== this.#link || !isMeant(packet, fault)) return false
      return this.#packets.filter(each => isMeant(each, fault)).length + 1 === fault.copy
    })
  }
}

type MeantPacket = Pick<WatchedPacket, 'direction' | 'flow' | 'part' | 'n' | 'end'>

/** Returns whether a fault means a packet of its link, or another transmission of it. */
function isMeant({ direction, flow, part, n, end }: MeantPacket, fault: PlannedFault): boolean {
  if (direction !== fault.direction || flow !== fault.flow || part !== fault.part) return false
  // Another run may cut the same bytes into other segments.
  return part === 'seq' ? n <= fault.n && fault.n < end : n === fault.n
}
