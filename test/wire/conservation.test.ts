import { expect, test } from 'vitest'
import { SKB_GSO_TCPV4 } from '../../src/skb/sk-buff.ts'
import { delay } from '../../src/wire/delay.ts'
import { loss } from '../../src/wire/loss.ts'
import type { Impairment } from '../../src/wire/wire.ts'
import { buildFrame, plain } from '../packet/frames.ts'
import { plainFrame, TestWire, testWires } from '../support/wire.ts'

const makeWire = testWires()

const tcp = buildFrame({
  packet: { ...plain, kind: 'tcp', payload: new Array(3000).fill(1), checksum: 'partial' },
  tags: [],
  padding: [],
})
const gso = { csumStart: 34, csumOffset: 16, gsoSize: 1000, gsoType: SKB_GSO_TCPV4 }

test('a chain without stages passes every packet on at once', () => {
  const wire = makeWire([])
  wire.send(3, 10)
  expect(wire.received.map(({ id, time }) => [id, time])).toEqual([
    [1, 0],
    [2, 10],
    [3, 20],
  ])
  expect(wire.conserved()).toEqual({ in: 3, duplicated: 0, made: 0, out: 3, dropped: 0, held: 0 })
})

test('what delay holds is held, and what close takes is dropped', () => {
  const wire = makeWire([delay(1000)])
  wire.send(5, 300)
  expect(wire.conserved()).toMatchObject({ in: 5, out: 2, held: 3 })
  wire.chain.close()
  wire.send(1)
  expect(wire.conserved()).toMatchObject({ in: 6, out: 2, dropped: 4, held: 0 })
})

test('a GSO frame counts as its packets, whole and cut', () => {
  const whole = makeWire([delay(1000)])
  whole.sendFrame(tcp, gso)
  expect(whole.conserved()).toMatchObject({ in: 3, held: 3 })
  const cut = makeWire([delay(1000), loss(0)])
  cut.sendFrame(tcp, gso)
  expect(cut.conserved()).toMatchObject({ in: 3, held: 3 })
  cut.advance(1000)
  expect(cut.received.map(({ id, bytes }) => [id, bytes.length])).toEqual([
    [1, 1054],
    [2, 1054],
    [3, 1054],
  ])
})

/** A stage that does with each packet what it must not. */
function broken(push: (skb: Parameters<ReturnType<Impairment>['push']>[0]) => void): TestWire {
  const wire = new TestWire([next => ({ push: skb => (skb.len === 60 ? push(skb) : next.push(skb)) })])
  wire.sendFrame(plainFrame(61))
  wire.conserved()
  wire.send(1)
  return wire
}

test('the test wire notices a packet that a stage frees without counting it', () => {
  const wire = broken(skb => skb.free())
  expect(() => wire.conserved()).toThrow('packets held by stages and packets in the pool')
})

test('the test wire notices a copy that no stage counts', () => {
  const kept: unknown[] = []
  const wire = broken(skb => kept.push(skb, skb.copy()))
  expect(() => wire.conserved()).toThrow('packets held by stages and packets in the pool')
})
