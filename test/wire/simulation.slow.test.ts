/** Live wires, whose timers are late, and the simulation of their arrivals. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Alarm, Clock } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { UsageError } from '#src/base/usage-error.ts'
import type { DecisionLog, WireResources } from '#src/netdev/device-wire.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { Ring } from '#src/skb/ring.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import { Chain } from '#src/wire/chain.ts'
import { printGroups } from '#src/wire/grammar/groups.ts'
import { parseWire } from '#src/wire/parse.ts'
import { Simulation } from '#src/wire/simulation.ts'
import type { Direction } from '#src/wire/wire.ts'
import { SEED, scaled } from '#support/scale.ts'
import { plainFrame } from '#support/wire.ts'
import { buildFrame, plain } from '../packet/frames.ts'
import { wires } from './grammar/arbitrary.ts'

const MS = 1e6
const HEAD = 128

const resources = {
  filter: text =>
    Object.assign((bytes: Uint8Array, at: number) => (bytes[at + 5] & 1) === 0, { text }),
  file: () => '1\n1\n3\n7\n',
} as WireResources

/**
 * Time that a test moves, and alarms that ring when the test looks: as late as that may be. Each
 * reading takes time, as with a real clock.
 */
class LateClock implements Clock {
  time = 1000
  readonly #armed = new Map<Alarm, { at: number; fn: () => void }>()

  now(): number {
    return this.time++
  }

  alarm(fn: () => void): Alarm {
    const alarm: Alarm = {
      at: at => void this.#armed.set(alarm, { at, fn }),
      cancel: () => void this.#armed.delete(alarm),
    }
    return alarm
  }

  look(): void {
    for (const [alarm, { at, fn }] of [...this.#armed]) {
      if (at > this.time) continue
      this.#armed.delete(alarm)
      fn()
    }
  }
}

interface Line {
  readonly time: number
  readonly verdict: string
  readonly direction: string
  readonly rest: readonly unknown[]
  /** Makes it happen again. */
  readonly again: (simulation: Simulation) => void
}

/** Keeps what is logged. */
class Lines implements DecisionLog {
  readonly all: Line[] = []

  set(direction: Direction, time: number, text: string, seed: number): void {
    const again = (simulation: Simulation) =>
      simulation.set(direction, time, parseWire(text, resources, direction), text, seed)
    this.all.push({ time, verdict: 'set', direction, rest: [text, seed], again })
  }

  arrival(
    direction: Direction,
    time: number,
    id: number,
    skb: Parameters<DecisionLog['arrival']>[3],
  ): void {
    const { bytes, data, len, gsoSize, gsoType, csumStart } = skb
    const head = bytes.slice(data, data + Math.min(len, HEAD))
    const frame = { bytes: head, at: 0, captured: head.length, length: len, gsoSize, gsoType }
    const again = (simulation: Simulation) =>
      void simulation.arrive({ direction, time, ...frame, transport: csumStart - data })
    this.all.push({ time, verdict: 'arrive', direction, rest: [id, len, gsoSize], again })
  }

  decision(direction: Direction, time: number, ...rest: unknown[]): void {
    const again = (simulation: Simulation) =>
      rest[4] === 'closed' ? simulation.close(direction, time) : simulation.pass(direction, time)
    this.all.push({ time, verdict: `${rest[2]}`, direction, rest, again })
  }

  get text(): string[] {
    return this.all.map(
      ({ time, direction, verdict, rest }) => `${time} ${direction} ${verdict} ${rest.join(' ')}`,
    )
  }
}

const tcp = buildFrame({
  packet: { ...plain, kind: 'tcp', payload: new Array(3000).fill(1), checksum: 'partial' },
  tags: [],
  padding: [],
})

/** Runs two wires live, with timers that are late, and returns what they logged. */
function runLive(text: readonly string[], packets: number, seed: number, close: boolean): Lines {
  const draw = random(seed)
  const clock = new LateClock()
  const pool = new SkBuffPool({ large: 4096, small: 8192 })
  const log = new Lines()
  const chains = (['ab', 'ba'] as const).map(direction => {
    const end = { push: (skb: SkBuff) => skb.free() }
    return new Chain({
      direction,
      seed,
      clock,
      pool,
      segments: new Ring(4096),
      log,
      end,
      back: end,
    })
  })
  const set = (chain: Chain, of: string) => chain.set(parseWire(of, resources, chain.direction), of)
  for (const chain of chains) {
    set(chain, text[0] ?? '')
  }
  for (let i = 0; i < packets; i++) {
    // Sometimes immediately, sometimes long after.
    clock.time += [0, 1, 1000, 100_000, 2 * MS, 40 * MS][draw.below(6)] ?? 0
    if (draw.below(3) === 0) {
      clock.look()
    }
    const chain = chains[draw.below(2)] as Chain
    if (draw.below(40) === 0) {
      set(chain, text[draw.below(text.length)] ?? '')
    }
    const skb = pool.alloc(4000)
    if (skb === undefined) throw new Error('the pool is too small')
    const isTcp = draw.below(4) === 0
    const frame = isTcp ? tcp : plainFrame(60 + draw.below(1400))
    frame[5] = draw.below(256)
    skb.bytes.set(frame, skb.put(frame.length))
    if (isTcp) {
      const csum = { ipSummed: CHECKSUM_PARTIAL, csumStart: skb.data + 34, csumOffset: 16 }
      Object.assign(skb, { gsoSize: 1000, gsoType: SKB_GSO_TCPV4, ...csum })
    }
    chain.push(skb)
  }
  if (!close) {
    clock.time += 1e12
    clock.look()
  }
  for (const chain of chains) {
    chain.close()
  }
  return log
}

function replay({ all }: Lines): Lines {
  const log = new Lines()
  const simulation = new Simulation({ log })
  for (const { again } of all) {
    again(simulation)
  }
  simulation.finish()
  return log
}

function expectSame(live: Lines): void {
  expect(replay(live).text).toEqual(live.text)
}

test.each([
  'delay 5ms 2ms 25% distribution normal',
  'delay 5ms reorder 25% gap 3',
  'delay 0ms loss 0% limit 1',
  'loss gemodel 1% 10% 70% 0.1% duplicate 5% corrupt 3% | truncate 100',
  'rate 1mbit codel ecn limit 100',
  'rate 10mbit red limit 200kb',
  'slot 800us 3ms packets 4',
  'trace up drophead',
  'match udp ( loss 20% | delay 3ms ) else ( rate 5mbit )',
  'drop udp nth 7 | reset tcp every 9 | delay 20ms udp after 50ms',
  'mtu 900 icmp',
  'hold | delay 1ms',
  'preset lte',
])('decisions of %s, while it runs and is changed, are the same in a simulation', text => {
  expectSame(runLive([text, text, 'delay 10ms', ''], 500, SEED, false))
  expectSame(runLive([text, 'loss 10%'], 200, SEED + 1, true))
})

/** Whether a spec can be built: a table of delays is not a trace. */
function isPossible(text: string): boolean {
  try {
    parseWire(text, resources)
    return true
  } catch (error) {
    if (error instanceof UsageError) return false
    throw error
  }
}

test('decisions of random wires are the same in a simulation', () => {
  const text = wires.map(printGroups).filter(isPossible)
  const run = fc.record({
    all: fc.array(text, { minLength: 1, maxLength: 3 }),
    seed: fc.integer(),
    isClosed: fc.boolean(),
  })
  const property = fc.property(run, ({ all, seed, isClosed }) =>
    expectSame(runLive(all, 100, seed, isClosed)),
  )
  fc.assert(property, { numRuns: scaled(500), seed: SEED })
})
