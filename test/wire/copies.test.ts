/** How many frames one frame may become in a chain. */
import { expect, test } from 'vitest'
import { SKB_GSO_TCPV4 } from '#src/skb/sk-buff.ts'
import { parseWire } from '#src/wire/parse.ts'
import { Simulation } from '#src/wire/simulation.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { duplicate } from '#src/wire/stages/duplicate.ts'
import { fault } from '#src/wire/stages/fault.ts'
import { hold } from '#src/wire/stages/gates.ts'
import { match } from '#src/wire/stages/match.ts'
import { type Impairment, impairment } from '#src/wire/wire.ts'
import { plainFrame, testWires } from '#support/wire.ts'
import { buildFrame, plain } from '../packet/frames.ts'

const makeWire = testWires()

const twice = (n: number) => Array.from({ length: n }, () => duplicate(1))
const text = (n: number) => Array(n).fill('duplicate 100%').join(' | ')
const all = () => true

/** A stage of one's own that sends `n` copies of each packet. */
const copies = (n: number): Impairment =>
  impairment('copies', {}, (_, next, env) => ({
    push(skb) {
      for (let i = 0; i < n; i++) {
        const copy = env.duplicate(skb)
        if (copy !== undefined) {
          next.push(copy)
        }
      }
      next.push(skb)
    },
  }))

/** A stage of one's own that makes `n` frames of each packet, and sends them by `verb`. */
const maker = (verb: 'reply' | 'inject', n: number): Impairment =>
  impairment('maker', {}, (_, next, env) => ({
    push(skb) {
      for (let i = 0; i < n; i++) {
        const made = env.alloc(60, skb)
        made?.put(60)
        if (made !== undefined) {
          env[verb](made)
        }
      }
      next.push(skb)
    },
  }))

/** Returns the drops of all stages for the reason `copies`. */
function refused(wire: ReturnType<typeof makeWire>): number {
  return wire.chain.report().reduce((n, { drops }) => n + (drops.copies ?? 0), 0)
}

test.each([
  ['six duplicates', twice(6), 64, 0],
  ['seven duplicates', twice(7), 64, 7],
  ['63 copies by an own stage', [copies(63)], 64, 0],
  ['64 copies by an own stage', [copies(64)], 64, 1],
  ['copies of copies by two own stages', [copies(20), copies(20)], 64, 37],
  ['faults', Array.from({ length: 7 }, () => fault('duplicate', undefined, { every: 1 })), 64, 7],
  ['duplicates in branches', [match(all, [...twice(3), match(all, twice(4))])], 64, 7],
])(
  '%s make at most 64 frames of a frame; the rest is dropped as copies',
  (_, stages, left, dropped) => {
    const wire = makeWire(stages, { log: true })
    wire.send(2)
    expect([wire.received.length, refused(wire)]).toEqual([2 * left, 2 * dropped])
    expect(wire.decisions.filter(({ why }) => why === 'copies').length).toBe(2 * dropped)
  },
)

test('31 duplicates cost a frame some thousand copies, and the next frame has as many again', () => {
  const wire = makeWire(twice(31))
  wire.send(2)
  expect(wire.received.filter(({ id }) => id === 2).length).toBe(64)
  expect(wire.conserved().duplicated).toBeLessThan(2 * 64 * 31 * 2)
})

test('copies that were held count toward the frame that they were made of', () => {
  const wire = makeWire([...twice(3), delay('1ms'), ...twice(4)])
  wire.send(1)
  wire.advance(1_000_000)
  wire.send(1)
  wire.advance(1_000_000)
  expect([wire.received.length, refused(wire)]).toEqual([128, 38])
})

test.each(['reply', 'inject'] as const)(
  'frames that a stage makes and sends by %s count too',
  verb => {
    const wire = makeWire([...twice(5), maker(verb, 3)])
    wire.send(1)
    expect([wire.received.length + wire.replied.length, wire.chain.made, refused(wire)]).toEqual([
      64, 47, 8,
    ])
  },
)

const gso = buildFrame({
  packet: { ...plain, kind: 'tcp', payload: new Array(3000).fill(1), checksum: 'partial' },
  tags: [],
  padding: [],
})
const gsoFields = { csumStart: 34, csumOffset: 16, gsoSize: 1000, gsoType: SKB_GSO_TCPV4 }

test('each segment of a GSO frame may become 64 frames', () => {
  const wire = makeWire(twice(7))
  wire.sendFrame(gso, gsoFields)
  expect([wire.received.length, refused(wire)]).toEqual([192, 21])
})

test('segments of a GSO frame that was copied whole share what is left', () => {
  const whole = Object.assign(copies(60), { takesGso: true })
  const gate = hold()
  const wire = makeWire([whole, gate])
  wire.sendFrame(gso, gsoFields)
  wire.chain.set([whole, gate, ...twice(1)])
  gate.release()
  expect([wire.received.length, refused(wire)]).toEqual([3 * 61 + 3, 3 * 61 - 3])
})

test('a simulation drops the same copies as a live wire', () => {
  const wire = makeWire(parseWire(text(8)))
  wire.send(3)
  const delivered: number[] = []
  const simulation = new Simulation({ deliver: skb => delivered.push(skb.packetId) })
  simulation.set('ab', 0, parseWire(text(8)), text(8), 7)
  const bytes = plainFrame(60)
  const frame = { bytes, at: 0, captured: 60, length: 60, gsoSize: 0, gsoType: 0, transport: 0 }
  for (let time = 0; time < 3; time++) {
    simulation.arrive({ direction: 'ab', time, ...frame })
  }
  expect(delivered).toEqual(wire.received.map(({ id }) => id))
  expect(simulation.report('ab')).toEqual(wire.chain.report())
})
