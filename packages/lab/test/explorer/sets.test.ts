/** The pairs of faults that are tried, and the packets that all clean runs have. */
import { expect, test } from 'vitest'
import { parseFault } from '../../src/explore/fault-text.ts'
import { type ExploredPacket, unstableNames } from '../../src/explore/points.ts'
import { Pairs, Repairs, type Trial } from '../../src/explore/sets.ts'

const single = (packet: number, kind: number): Trial => {
  const verb = ['drop', 'duplicate'][kind]
  return { packet, kind, faults: [parseFault(`${verb} a-b ab udp a:* > b:7 packet ${packet + 1}`)] }
}
const places = (pairs: Iterable<Trial>) =>
  [...pairs].map(({ packet, kind, second }) => [packet, kind, second?.packet, second?.kind].join(''))

test('pairs join faults of different packets, the nearest packets first', () => {
  const pairs = new Pairs([single(0, 0), single(0, 1), single(1, 1), single(3, 0)])
  expect(places(pairs)).toEqual(['0011', '0111', '1130', '0030', '0130'])
  expect(pairs.size).toBe(5)
  const [first] = pairs
  expect(first?.faults).toEqual([...single(0, 0).faults, ...single(1, 1).faults])
  expect([[...new Pairs([])], new Pairs([]).size]).toEqual([[], 0])
})

test('a hundred million pairs are made one by one', () => {
  const pairs = new Pairs(Array.from({ length: 20_000 }, (_, i) => single(i, 0)))
  const [first] = pairs
  expect([first?.packet, first?.second?.packet, pairs.size]).toEqual([0, 1, (20_000 * 19_999) / 2])
})

test('repairs join a fault that lasts with later packets of its run, the nearest packets first', () => {
  const repair = (n: number) => parseFault(`repair a-b ab udp a:* > b:7 packet ${n}`)
  const [one, other] = [single(0, 0), single(1, 0)]
  const repairs = new Repairs([
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
