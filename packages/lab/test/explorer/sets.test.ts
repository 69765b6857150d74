/** The pairs of faults that are tried, and the packets that all clean runs have. */
import { expect, test } from 'vitest'
import { parseFault } from '../../src/explore/fault-text.ts'
import { type ExploredPacket, unstableNames } from '../../src/explore/points.ts'
import { pairsOf, repairsOf, spread, type Trial } from '../../src/explore/sets.ts'

const single = (packet: number, kind: number): Trial => {
  const verb = ['drop', 'duplicate'][kind]
  return { packet, kind, faults: [parseFault(`${verb} a-b ab udp a:* > b:7 packet ${packet + 1}`)] }
}
const places = (pairs: Iterable<Trial>) =>
  [...pairs].map(({ packet, kind, second }) =>
    [packet, kind, second?.packet, second?.kind].join(''),
  )

test('pairs join faults of different packets, the nearest packets first', () => {
  const pairs = pairsOf([single(0, 0), single(0, 1), single(1, 1), single(3, 0)])
  expect(places(pairs)).toEqual(['0011', '0111', '1130', '0030', '0130'])
  expect(pairs.size).toBe(5)
  const [first] = pairs
  expect(first?.faults).toEqual([...single(0, 0).faults, ...single(1, 1).faults])
  expect([[...pairsOf([])], pairsOf([]).size]).toEqual([[], 0])
})

test('pairs of one distance start at packets in the given order', () => {
  const pairs = pairsOf([single(0, 0), single(1, 0), single(2, 0), single(3, 0)], all =>
    all.toReversed(),
  )
  expect(places(pairs)).toEqual(['2030', '1020', '0010', '1030', '0020', '0030'])
})

test.each([0, 1, 2, 3, 434, 20_000])(
  'the order of %i items has each once, and is the same for the same seed',
  n => {
    const items = Array.from({ length: n }, (_, i) => i)
    const order = spread(items, 1)
    expect(order.toSorted((a, b) => a - b)).toEqual(items)
    expect(spread(items, 1)).toEqual(order)
    if (n > 3) {
      expect(spread(items, 2)).not.toEqual(order)
    }
  },
)

test.each([1, 2, 7])('each beginning of the order is spread over all items with seed %i', seed => {
  const order = spread(
    Array.from({ length: 1000 }, (_, i) => i),
    seed,
  )
  for (const tried of [2, 4, 8, 45, 100, 500]) {
    const places = [-1, ...order.slice(0, tried).sort((a, b) => a - b), 1000]
    const widest = Math.max(...places.slice(1).map((place, i) => place - (places[i] as number)))
    // In the middle of a round, the later part has one item in the size of its blocks.
    expect(widest).toBeLessThan((4 * 1024) / tried)
  }
})

test('the order follows no rhythm of the items', () => {
  const order = spread(
    Array.from({ length: 1024 }, (_, i) => i),
    1,
  )
  expect(new Set(order.slice(0, 64).map(i => i % 16)).size).toBeGreaterThan(8)
})

test('a hundred million pairs are made one by one', () => {
  const pairs = pairsOf(Array.from({ length: 20_000 }, (_, i) => single(i, 0)))
  const [first] = pairs
  expect([first?.packet, first?.second?.packet, pairs.size]).toEqual([0, 1, (20_000 * 19_999) / 2])
})

test('repairs join a fault that lasts with later packets of its run, the nearest packets first', () => {
  const repair = (n: number) => parseFault(`repair a-b ab udp a:* > b:7 packet ${n}`)
  const [one, other] = [single(0, 0), single(1, 0)]
  const repairs = repairsOf([
    { trial: one, repairs: [repair(2), repair(3)] },
    { trial: other, repairs: [] },
    { trial: other, repairs: [repair(4)] },
  ])
  expect([...repairs]).toEqual([
    { ...one, faults: [...one.faults, repair(2)] },
    { ...other, faults: [...other.faults, repair(4)] },
    { ...one, faults: [...one.faults, repair(3)] },
  ])
  expect(repairs.size).toBe(3)
})

const segment = (n: number, end: number): ExploredPacket => ({
  link: 'a-b',
  direction: 'ab',
  flow: 'tcp a:* > b:80',
  part: 'seq',
  n,
  end,
  copy: 1,
  number: n,
  name: `seq ${n}`,
  time: n,
  at: n,
  length: 60,
  head: new Uint8Array(60),
  hit: false,
  lost: false,
})

test('a segment is faulted if each clean run has its bytes, also in segments of other names', () => {
  const cut = [segment(1, 10), segment(10, 20)]
  expect([...unstableNames([cut, [segment(1, 20)]])]).toEqual([])
  expect([...unstableNames([cut, [segment(1, 10)], cut])]).toEqual(['seq 10'])
})
