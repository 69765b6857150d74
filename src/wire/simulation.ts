/**
 * Simulation: the wires of both directions in virtual time. Time jumps from arrival to arrival, and
 * alarms in between ring at their exact times. So arrivals with the times, lengths and first bytes
 * from a live wire's log, and with its seed, get the same decisions.
 *
 *     simulation.set('ab', 0, parseWire('delay 20ms loss 1%'), 'delay 20ms loss 1%', 7)
 *     for (const arrival of arrivals) simulation.arrive(arrival)
 *     simulation.finish()
 */
import { VirtualClock } from '../base/virtual-clock.ts'
import type { DecisionLog, StageReport, WireSide } from '../netdev/device-wire.ts'
import { ETH_HLEN } from '../netdev/if.ts'
import { TCP_CHECK } from '../packet/tcp.ts'
import { UDP_CHECK } from '../packet/udp.ts'
import {
  CHECKSUM_PARTIAL,
  FRAME_MAX,
  Ring,
  SKB_GSO_UDP_L4,
  type SkBuff,
  SkBuffPool,
} from '../skb/index.ts'
import { Chain } from './chain.ts'
import { packetsOf } from './held.ts'
import type { Direction, Impairment } from './wire.ts'

/** A frame that reaches a wire. The caller may use the same object for each. */
export interface Arrival {
  direction: Direction
  /** Time in ns since some fixed moment. A time before the previous arrival counts as its time. */
  time: number
  /** The first `captured` bytes of the frame are at `at`; the rest are zeros. */
  bytes: Uint8Array
  at: number
  captured: number
  length: number
  /** For a GSO frame: payload bytes per segment, SKB_GSO_*, offset of the transport header. */
  gsoSize: number
  gsoType: number
  transport: number
}

/**
 * The observers of a Simulation. It runs in its own time, and calls them only during calls of its
 * own methods.
 */
export interface SimulationOptions {
  readonly log?: DecisionLog | undefined
  /**
   * Called with each frame that leaves a wire, in the other direction if a stage sent it back.
   * `queueMapping` is the number of captured bytes. The simulation frees the frame.
   */
  readonly deliver?: ((skb: SkBuff, direction: Direction, time: number) => void) | undefined
  readonly failed?: ((stage: string, error: unknown) => void) | undefined
}

/** Slots. Memory is used only for the frames that the wires actually hold. */
const LARGE = 8192
const SMALL = 524_288
const REVERSE = { ab: 'ba', ba: 'ab' } as const

export class Simulation {
  /** Frames too short for an Ethernet header, which no wire gets. */
  short = 0
  /** Frames longer than FRAME_MAX, which were simulated with that length. */
  long = 0
  /** The sides of an attachment, which the log names. For directions that are not yet set. */
  readonly sides: Partial<Record<Direction, WireSide>> = {}
  readonly #options: SimulationOptions
  readonly #pool = new SkBuffPool({ large: LARGE, small: SMALL })
  readonly #segments = new Ring(4096)
  readonly #chains = new Map<Direction, Chain>()
  /** Each direction has its own time. */
  readonly #clocks = { ab: new VirtualClock(), ba: new VirtualClock() }
  readonly #text = new Map<Direction, string>()

  constructor(options: SimulationOptions = {}) {
    this.#options = options
  }

  /** The text that the wire of a direction has; empty without a stage. */
  textOf(direction: Direction): string {
    return this.#text.get(direction) ?? ''
  }

  has(direction: Direction): boolean {
    return this.#chains.has(direction)
  }

  /** Sets the stages of a direction at a time. Only the first call's seed is used. */
  set(
    direction: Direction,
    time: number,
    stages: readonly Impairment[],
    text: string,
    seed: number,
  ): void {
    this.#clocks[direction].advance(time)
    const chain = this.#chains.get(direction) ?? this.#newChain(direction, seed)
    this.#chains.set(direction, chain)
    this.#text.set(direction, text)
    chain.set(stages, text)
  }

  /** Returns how many packets the frame stands for, 0 if it is not a frame. */
  arrive(arrival: Arrival): number {
    this.#clocks[arrival.direction].advance(arrival.time)
    if (arrival.length < ETH_HLEN) {
      this.short++
      return 0
    }
    const chain = this.#chains.get(arrival.direction)
    if (chain === undefined) throw new Error(`the wire ${arrival.direction} was not set`)
    const skb = this.#frame(arrival)
    const packets = packetsOf(skb)
    chain.push(skb)
    return packets
  }

  /**
   * Closes the wire of a direction, as happens when its devices are closed: it drops its held
   * packets. Packets that are due at the very moment of the last arrival are dropped too.
   */
  close(direction: Direction, time: number): void {
    this.pass(direction, time)
    this.#chains.get(direction)?.close()
  }

  pass(direction: Direction, time: number): void {
    const chain = this.#chains.get(direction)
    if (chain === undefined || time <= chain.clock.now()) return
    this.#clocks[direction].advance(time)
    chain.clock.advance()
  }

  /**
   * Moves both directions together, so that frames leave in the order of time. It is not for a log:
   * there, one direction may be closed at a time that the other has passed.
   */
  advance(time: number): void {
    const { ab, ba } = this.#clocks
    for (let next = Math.min(ab.next, ba.next); next <= time; next = Math.min(ab.next, ba.next)) {
      if (ab.next === next) {
        ab.advance(next)
      } else {
        ba.advance(next)
      }
    }
  }

  /** Lets time run until the wires hold nothing, or only packets that they would hold forever. */
  finish(): void {
    const { ab, ba } = this.#clocks
    for (;;) {
      const next = Math.min(ab.next, ba.next)
      if (this.#pool.out === 0 || next === Number.POSITIVE_INFINITY) return
      this.advance(next)
    }
  }

  /** Reports every stage. In virtual time no packet is late. */
  report(direction: Direction): StageReport[] {
    return (this.#chains.get(direction)?.report() ?? []).map(({ late: _, ...stage }) => stage)
  }

  /** Packets that were dropped before the first stage, by reason. */
  drops(direction: Direction): Readonly<Record<string, number>> {
    return this.#chains.get(direction)?.drops ?? {}
  }

  #newChain(direction: Direction, seed: number): Chain {
    const { log, failed } = this.#options
    return new Chain({
      direction,
      side: this.sides[direction],
      seed,
      log,
      clock: this.#clocks[direction],
      pool: this.#pool,
      segments: this.#segments,
      end: { push: skb => this.#deliver(skb, direction, this.#clocks[direction].now()) },
      back: { push: skb => this.#reply(skb, direction) },
      ...(failed !== undefined && { failed }),
    })
  }

  #deliver(skb: SkBuff, direction: Direction, time: number): void {
    this.#options.deliver?.(skb, direction, time)
    skb.free()
  }

  #reply(skb: SkBuff, direction: Direction): void {
    skb.queueMapping = skb.len
    this.#deliver(skb, REVERSE[direction], this.#clocks[direction].now())
  }

  #frame({ bytes, at, captured, length, gsoSize, gsoType, transport }: Arrival): SkBuff {
    let size = length
    if (length > FRAME_MAX) {
      size = FRAME_MAX
      this.long++
    }
    // The wires refuse to hold more large frames before the pool is empty.
    const skb = this.#pool.alloc(size)
    if (skb === undefined) throw new Error('no frame memory is left')
    const data = skb.__put(size)
    const known = captured < size ? captured : size
    skb.bytes.set(bytes.subarray(at, at + known), data)
    if (known < size) {
      skb.bytes.fill(0, data + known, data + size)
    }
    skb.queueMapping = known
    if (gsoSize !== 0) {
      skb.gsoSize = gsoSize
      skb.gsoType = gsoType
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = data + transport
      skb.csumOffset = gsoType === SKB_GSO_UDP_L4 ? UDP_CHECK : TCP_CHECK
    }
    return skb
  }
}
