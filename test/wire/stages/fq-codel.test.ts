import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { type FqCodelOptions, fqCodel } from '#src/wire/stages/fq-codel.ts'
import { rate } from '#src/wire/stages/rate.ts'
import { ethernet, putWord } from '#support/frames.ts'
import { type TestWire, testWires } from '#support/wire.ts'

const makeWire = testWires()
const MS = NSEC_PER_MSEC

/** A UDP packet of `length` bytes from a port. */
function udp(port: number, length: number): Uint8Array {
  const ip = new Uint8Array(length - 14)
  ip.set([0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2])
  putWord(ip, 2, ip.length)
  putWord(ip, 20, port)
  return ethernet(0x0800, ip)
}

const portOf = (bytes: Uint8Array) => (bytes[34] as number) * 256 + (bytes[35] as number)
const line = (options: FqCodelOptions = {}, packets = 1000) =>
  rate(12e6, { queue: fqCodel(options), limit: { packets } })

/** Ports whose flows have queues of their own: a third never waits for another of them. */
function separate(wire: TestWire): void {
  expect(new Set(wire.received.map(({ bytes }) => portOf(bytes))).size).toBe(3)
}

/** RFC 8290 sec. 4.2 for packets that are all there at time 0: the order of their flows. */
function roundRobin(
  packets: readonly (readonly [flow: number, length: number])[],
  quantum: number,
): number[] {
  const queues = new Map<number, number[]>()
  for (const [flow, length] of packets) {
    queues.set(flow, [...(queues.get(flow) ?? []), length])
  }
  const deficits = new Map([...queues.keys()].map(flow => [flow, quantum]))
  // The very first packet leaves the queue as soon as it arrives.
  const order: number[] = []
  const [[head, length] = [0, 0]] = packets
  queues.get(head)?.shift()
  deficits.set(head, quantum - length)
  order.push(head)
  let fresh = [...queues.keys()]
  let old: number[] = []
  while (fresh.length + old.length > 0) {
    const isFresh = fresh.length > 0
    const flow = (isFresh ? fresh[0] : old[0]) as number
    const leave = () => {
      if (isFresh) {
        fresh = fresh.slice(1)
      } else {
        old = old.slice(1)
      }
    }
    const deficit = deficits.get(flow) as number
    if (deficit <= 0) {
      deficits.set(flow, deficit + quantum)
      leave()
      old = [...old, flow]
      continue
    }
    const next = queues.get(flow)?.shift()
    if (next === undefined) {
      leave()
      if (isFresh) {
        old = [...old, flow]
      }
      continue
    }
    deficits.set(flow, deficit - next)
    order.push(flow)
  }
  return order
}

test.each([300, 1514, 4000])('flows take turns of %i bytes as in RFC 8290', quantum => {
  const draws = random(3)
  const packets = Array.from(
    { length: 90 },
    () => [1 + draws.below(3), 60 + draws.below(1400)] as const,
  )
  // Nothing waits for the target of CoDel.
  const wire = makeWire([line({ quantum, target: '1s' })])
  for (const [port, length] of packets) {
    wire.sendFrame(udp(port, length))
  }
  wire.advance(1000 * MS)
  separate(wire)
  expect(wire.received.map(({ bytes }) => portOf(bytes))).toEqual(roundRobin(packets, quantum))
})

test('a sparse flow waits for at most two packets of others beside a standing queue', () => {
  const wire = makeWire([line({ target: '1s' })], { log: true })
  for (let i = 0; i < 200; i++) {
    wire.sendFrame(udp(1, 1500))
  }
  for (let i = 0; i < 10; i++) {
    wire.advance(9.3 * MS)
    wire.sendFrame(udp(2, 100))
  }
  wire.advance(300 * MS)
  const sparse = wire.received.filter(({ bytes }) => portOf(bytes) === 2).map(({ id }) => id)
  const waits = wire.decisions.filter(
    ({ verdict, id }) => verdict === 'delay' && sparse.includes(id),
  )
  expect(waits).toHaveLength(10)
  expect(Math.max(...waits.map(({ amount = 0 }) => amount))).toBeLessThan(2.1 * MS)
})

test('CoDel controls each flow by itself', () => {
  const wire = makeWire([line()], { log: true })
  for (let i = 0; i < 1200; i++) {
    wire.sendFrame(udp(1, 1500))
    if (i % 10 === 0) {
      wire.sendFrame(udp(2, 100))
    }
    wire.advance(MS / 2)
  }
  const dropped = new Set(wire.decisions.filter(({ why }) => why === 'codel').map(({ id }) => id))
  expect(dropped.size).toBeGreaterThan(5)
  wire.advance(2000 * MS)
  expect(wire.received.filter(({ bytes }) => portOf(bytes) === 2)).toHaveLength(120)
})

test('over the limit the longest queue loses half of its packets, from its head', () => {
  const wire = makeWire([line({ target: '1s' }, 20)], { log: true })
  for (let i = 0; i < 5; i++) {
    wire.sendFrame(udp(2, 1500))
  }
  for (let i = 0; i < 15; i++) {
    wire.sendFrame(udp(1, 1500))
  }
  wire.sendFrame(udp(2, 1500))
  const drops = wire.decisions.filter(({ why }) => why === 'limit').map(({ id }) => id)
  expect(drops).toEqual([6, 7, 8, 9, 10, 11, 12, 13])
  wire.advance(100 * MS)
  expect(wire.received.filter(({ bytes }) => portOf(bytes) === 2)).toHaveLength(6)
})

test('a flow that sends again during the turn of another is not new again', () => {
  const wire = makeWire([line({ target: '1s' })])
  for (let i = 0; i < 8; i++) {
    wire.sendFrame(udp(1, 700))
  }
  wire.sendFrame(udp(2, 60))
  // Three packets of the first flow, one of the second; now the next turn of the first.
  wire.advance(1.6 * MS)
  wire.sendFrame(udp(2, 60))
  wire.advance(10 * MS)
  expect(wire.received.map(({ bytes }) => portOf(bytes))).toEqual([1, 1, 1, 2, 1, 1, 2, 1, 1, 1])
})

test('packets remain, with their times of arrival, when a queue changes to FQ-CoDel and back', () => {
  const wire = makeWire([rate(12e6)], { log: true })
  wire.advance(MS)
  for (let i = 0; i < 6; i++) {
    wire.sendFrame(udp(1 + (i % 3), 1500))
  }
  wire.chain.set([line()])
  for (let i = 0; i < 6; i++) {
    wire.sendFrame(udp(1 + (i % 3), 1500))
  }
  wire.chain.set([rate(12e6)])
  wire.advance(12 * MS)
  expect(wire.received).toHaveLength(12)
  const waits = wire.decisions
    .filter(({ verdict }) => verdict === 'delay')
    .map(({ amount = 0 }) => amount / MS)
  expect(waits).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
})

test('FQ-CoDel prints its parameters, and refuses a quantum of 0 and times below 1 ms', () => {
  expect(line().text).toBe('rate 12mbit fq_codel quantum 1514 target 5ms interval 100ms')
  expect(() => fqCodel({ quantum: 0 })).toThrow('quantum 0: it must be at least 1')
  expect(() => fqCodel({ target: 0.5 })).toThrow('fq_codel: target must be at least 1ms')
})
