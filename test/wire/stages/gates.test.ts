import { expect, test } from 'vitest'
import { delay } from '#src/wire/stages/delay.ts'
import { blackhole, hold, partition } from '#src/wire/stages/gates.ts'
import { type TestWire, testWires } from '#support/wire.ts'

const makeWire = testWires()

const left = (wire: TestWire) => wire.received.map(({ id, time }) => [id, time])

for (const gate of [partition, blackhole]) {
  test(`${gate.name} drops every packet under its name, until it is removed`, () => {
    const wire = makeWire([gate()])
    wire.send(3)
    expect(wire.drops).toEqual({ [gate.name]: 3 })
    wire.chain.set([])
    wire.send()
    expect(left(wire)).toEqual([[4, 0]])
  })
}

test('hold keeps packets until it is released, then delivers them in order and lets others pass', () => {
  const gate = hold()
  const wire = makeWire([gate])
  wire.send(3, 10)
  expect(wire.received).toEqual([])
  wire.advance(70)
  gate.release()
  wire.send()
  expect(left(wire)).toEqual([
    [1, 100],
    [2, 100],
    [3, 100],
    [4, 100],
  ])
})

test('released packets of a hold are late from then on in the later stages', () => {
  const gate = hold()
  const wire = makeWire([gate, delay('1us')])
  wire.send()
  wire.advance(5000)
  gate.release()
  wire.advance(5000)
  expect(left(wire)).toEqual([[1, 6000]])
})

test('a removed hold delivers its packets', () => {
  const wire = makeWire([hold()])
  wire.send(2)
  wire.advance(5)
  wire.chain.set([])
  expect(left(wire)).toEqual([
    [1, 5],
    [2, 5],
  ])
})

test('a hold that replaces another keeps its packets, and has its own limit', () => {
  const [first, second] = [hold(), hold({ limit: { packets: 3 } })]
  const wire = makeWire([first])
  wire.send(2)
  wire.chain.set([second])
  first.release()
  wire.send(2)
  expect([wire.received.length, wire.drops]).toEqual([0, { limit: 1 }])
  second.release()
  expect(wire.received.map(({ id }) => id)).toEqual([1, 2, 3])
})

test('one hold releases every wire that it is part of', () => {
  const gate = hold()
  const wires = [makeWire([gate]), makeWire([gate])]
  for (const wire of wires) {
    wire.send()
  }
  gate.release()
  expect(wires.map(wire => wire.received.length)).toEqual([1, 1])
})

test('packets in a hold are dropped as closed when its wire is closed', () => {
  const gate = hold()
  const wire = makeWire([gate])
  wire.send(2)
  wire.chain.close()
  gate.release()
  expect([wire.received.length, wire.drops]).toEqual([0, { closed: 2 }])
})
