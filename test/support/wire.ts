/**
 * A chain of stages between a sender and a receiver that a test holds, with a clock that the test
 * moves. After each test the chain is closed, and every packet must be accounted for.
 */
import { afterEach, expect } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import type { DecisionLog } from '#src/netdev/device-wire.ts'
import { OWNER_FREE } from '#src/skb/error.ts'
import { FRAME_MAX } from '#src/skb/pool.ts'
import { Ring } from '#src/skb/ring.ts'
import { CHECKSUM_PARTIAL, type SkBuff, type SkBuffDevice } from '#src/skb/sk-buff.ts'
import { Chain, type ChainOptions } from '#src/wire/chain.ts'
import { packetsOf } from '#src/wire/held.ts'
import type { Direction, Impairment } from '#src/wire/wire.ts'
import { PoisonedPool, type PoisonedPoolOptions } from './poisoned-pool.ts'

export interface ReceivedPacket {
  /** Its number on the wire, from 1. */
  readonly id: number
  /** When it left the chain, ns. */
  readonly time: number
  readonly bytes: Uint8Array
  readonly ipSummed: number
  readonly gsoSize: number
}

/** One line of the decision log; an arrival has the verdict `arrival`. */
export interface Decision {
  readonly id: number
  readonly time: number
  readonly stage: string
  readonly verdict: string
  readonly amount: number | undefined
  readonly why: string | undefined
}

export interface TestWireOptions extends PoisonedPoolOptions {
  readonly direction?: Direction
  readonly seed?: number
  /** Keeps the decisions in `decisions`. */
  readonly log?: boolean
  /** Called with each packet that leaves, in place of keeping it. The test wire frees it. */
  readonly receive?: (skb: SkBuff, time: number) => void
}

/** Packets that entered a chain, and what became of them. */
export interface WireBalance {
  readonly in: number
  readonly duplicated: number
  /** Made by a stage: replies, and frames that it injected. */
  readonly made: number
  readonly out: number
  readonly dropped: number
  readonly held: number
}

/** Properties of a sent frame besides its bytes. Positions count from the start of the frame. */
export interface FrameFields {
  readonly csumStart?: number
  readonly csumOffset?: number
  readonly gsoSize?: number
  readonly gsoType?: number
}

/** Returns a chain from a to b that frees what it sends back. `options` may say otherwise. */
export function plainChain(
  options: Pick<ChainOptions, 'clock' | 'pool' | 'end'> & Partial<ChainOptions>,
): Chain {
  return new Chain({
    direction: 'ab',
    seed: 1,
    segments: new Ring(16),
    back: { push: skb => skb.free() },
    ...options,
  })
}

/** Returns a function that makes a wire of stages. Call it once in a test file. */
export function testWires(): (
  stages: readonly Impairment[],
  options?: TestWireOptions,
) => TestWire {
  const wires: TestWire[] = []
  afterEach(() => {
    for (const wire of wires.splice(0)) {
      wire.conserved()
      wire.chain.close()
      expect(wire.conserved().held).toBe(0)
      expect([wire.pool.out, wire.clock.armed]).toEqual([0, 0])
    }
  })
  return (stages, options) => {
    const wire = new TestWire(stages, options)
    wires.push(wire)
    return wire
  }
}

export class TestWire {
  readonly clock = new FakeClock()
  readonly pool: TrackedPool
  readonly chain: CountedChain
  readonly received: ReceivedPacket[] = []
  /** What stages sent back to the sender. */
  readonly replied: ReceivedPacket[] = []
  readonly decisions: Decision[] = []
  /** What stages or alarms threw: `delay: Error: ...`. */
  readonly failures: string[] = []
  /** The reports of the chain by `onPackets`. */
  readonly cutting: boolean[] = []
  /** Packets and frames that were sent, and that came out or back. */
  #in = 0
  #out = 0
  #framesIn = 0
  #framesOut = 0
  readonly #device = new CountingDevice()
  readonly #template = plainFrame(60)

  constructor(stages: readonly Impairment[], options: TestWireOptions = {}) {
    const { direction = 'ab', seed = 7, log = false, receive, ...pool } = options
    this.pool = new TrackedPool({ large: 256, small: 4096, ...pool })
    this.chain = new CountedChain({
      direction,
      seed,
      clock: this.clock,
      pool: this.pool,
      segments: new Ring(4096),
      end: { push: skb => this.#take(skb, this.received, receive) },
      back: { push: skb => this.#take(skb, this.replied) },
      ...(log && { log: this.#log() }),
      onPackets: packets => this.cutting.push(packets),
      failed: (stage, error) => this.failures.push(`${stage}: ${error}`),
    })
    this.chain.set(stages)
  }

  /** The time, ns. */
  get now(): number {
    return this.clock.now()
  }

  /** Every packet that left, as `ID@MS`. */
  get left(): string {
    return this.received.map(({ id, time }) => `${id}@${time / NSEC_PER_MSEC}`).join(' ')
  }

  /** The reasons for which the first stage has dropped packets, and how many. */
  get drops(): Readonly<Record<string, number>> {
    return this.chain.report()[0].drops
  }

  /** Sends `count` packets of 60 bytes, with `every` ns after each. */
  send(count = 1, every = 0): void {
    for (let i = 0; i < count; i++) {
      this.sendFrame(this.#template)
      if (every !== 0) {
        this.clock.advance(every)
      }
    }
  }

  /** Sends a frame. With `csumStart` its checksum is partial, with `gsoSize` it is GSO. */
  sendFrame(
    bytes: Uint8Array,
    { csumStart, csumOffset = 0, gsoSize = 0, gsoType = 0 }: FrameFields = {},
  ): void {
    const skb = this.pool.alloc(Math.min(bytes.length, FRAME_MAX))
    if (skb === undefined) throw new Error('the pool of the test is too small')
    skb.bytes.set(bytes, skb.put(bytes.length))
    skb.dev = this.#device
    if (csumStart !== undefined) {
      skb.ipSummed = CHECKSUM_PARTIAL
      skb.csumStart = skb.data + csumStart
      skb.csumOffset = csumOffset
    }
    skb.gsoSize = gsoSize
    skb.gsoType = gsoType
    this.#in += packetsOf(skb)
    this.#framesIn++
    this.chain.push(skb)
  }

  /** Moves time by `ns`. */
  advance(ns: number): void {
    this.clock.advance(ns)
  }

  /**
   * Throws unless every packet is accounted for: by the counters of the stages, by the slots of the
   * pool, and by the reports to the sender's device. Returns the balance.
   */
  conserved(): WireBalance {
    const stages = this.chain.report()
    const sum = (of: (stage: (typeof stages)[number]) => number) =>
      stages.reduce((n, stage) => n + of(stage), 0)
    for (const stage of stages) {
      if (stage.held < 0) throw new Error(`${stage.stage} holds ${stage.held} packets`)
      expectSame(total(stage.drops), stage.dropped, `drops of ${stage.stage} by reason`)
    }
    const { framesDropped, framesMade } = this.#device
    const balance: WireBalance = {
      in: this.#in,
      duplicated: sum(stage => stage.duplicated) + this.chain.duplicated,
      made: this.chain.made,
      out: this.#out,
      dropped: sum(stage => stage.dropped) + total(this.chain.drops),
      held: this.pool.packetsOut,
    }
    const held = sum(stage => stage.held)
    expectSame(held, balance.held, 'packets held by stages and packets in the pool')
    const entered = balance.in + balance.duplicated + balance.made
    const left = balance.out + balance.dropped + balance.held
    expectSame(left, entered, 'packets out + dropped + held')
    const framesLeft = this.#framesOut + framesDropped + this.pool.out
    expectSame(framesLeft, this.#framesIn + framesMade, 'frames out + dropped + held')
    return balance
  }

  #take(skb: SkBuff, kept: ReceivedPacket[], receive?: (skb: SkBuff, time: number) => void): void {
    const { packetId: id, bytes, data, len, ipSummed, gsoSize } = skb
    const time = this.clock.now()
    this.#out += packetsOf(skb)
    this.#framesOut++
    try {
      if (receive !== undefined) {
        receive(skb, time)
      } else {
        kept.push({ id, time, bytes: bytes.slice(data, data + len), ipSummed, gsoSize })
      }
    } finally {
      skb.free()
    }
  }

  #log(): DecisionLog {
    const { decisions } = this
    return {
      set() {},
      arrival(_, time, id) {
        decisions.push({
          id,
          time,
          stage: '',
          verdict: 'arrival',
          amount: undefined,
          why: undefined,
        })
      },
      decision(_, time, id, stage, verdict, amount, why) {
        decisions.push({ id, time, stage, verdict, amount, why })
      },
    }
  }
}

/** For checks after each frame: an expectation that holds takes longer than a frame. */
function expectSame(actual: number, expected: number, what: string): void {
  if (actual !== expected) {
    expect(actual, what).toBe(expected)
  }
}

/** A pool that finds the frames which are in use. */
class TrackedPool extends PoisonedPool {
  /** Every SkBuff that ever was a frame. The pool uses them again, so they are few. */
  readonly #known = new Set<SkBuff>()

  override alloc(size: number): SkBuff | undefined {
    const skb = super.alloc(size)
    if (skb !== undefined) {
      this.#known.add(skb)
    }
    return skb
  }

  /** The packets of all frames that are in use. */
  get packetsOut(): number {
    let packets = 0
    for (const skb of this.#known) {
      if (skb.owner !== OWNER_FREE) {
        packets += packetsOf(skb)
      }
    }
    return packets
  }
}

/** A chain that counts the frames its stages make. */
class CountedChain extends Chain {
  made = 0

  override reply(skb: SkBuff): void {
    this.made++
    super.reply(skb)
  }

  override inject(skb: SkBuff): void {
    this.made++
    super.inject(skb)
  }
}

class CountingDevice implements SkBuffDevice {
  readonly name = 'test'
  framesDropped = 0
  framesMade = 0

  countReceived(): void {}

  countDrop(): void {
    this.framesDropped++
  }

  countMade(_skb: SkBuff, n: number): void {
    this.framesMade += n
  }
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0)
}

/** Returns a frame of `length` bytes of an EtherType for experiments (IEEE 802). */
export function plainFrame(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5])
  return bytes
}
