/** The lists of a segment: the search, the rows in sight, and the time that a lease has left. */
import { describe, expect, test } from 'vitest'
import type { SegmentInfo } from '../../src/feed-types.ts'
import { cellsOf, found, timeLeft } from '../../src/page/lan-segment.ts'
import { rowsInSight } from '../../src/page/table.tsx'

const segment: SegmentInfo = {
  hosts: Array.from({ length: 10_000 }, (_, i) => ({
    ...(i > 0 && { name: `host${i}` }),
    mac: `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
    addresses: [`198.18.${i >> 8}.${i & 255}`],
    router: i === 0,
  })),
  leases: [
    {
      address: '198.18.96.1',
      mac: '02:00:00:00:00:09',
      clientId: '01',
      hostname: 'Laptop',
      expires: 61_000,
    },
  ],
  neighbours: [{ address: '198.18.96.1', mac: '02:00:00:00:00:09' }],
  stations: [{ name: 'lan0' }],
  counters: { frames: {}, dropped: {}, answered: {} },
}

describe('found', () => {
  test('a search without words finds all rows', () => {
    expect(found(segment, 'hosts', '  ')).toBeUndefined()
  })

  test('a search finds the rows that contain all its words, in any case', () => {
    expect(found(segment, 'hosts', 'HOST4711')).toEqual([4711])
    expect(found(segment, 'hosts', '198.18.3. host80')).toEqual([
      800, 801, 802, 803, 804, 805, 806, 807, 808, 809,
    ])
    expect(found(segment, 'leases', 'laptop')).toEqual([0])
    expect(found(segment, 'neighbours', 'laptop')).toEqual([])
  })
})

test('the cells of a row have the same text as vnet lan show', () => {
  expect(cellsOf(segment, 'hosts', 0, 0)).toEqual(['- (router)', '02:00:00:00:00:00', '198.18.0.0'])
  expect(cellsOf(segment, 'leases', 0, 1000)).toEqual([
    '198.18.96.1',
    '02:00:00:00:00:09',
    'Laptop',
    '1 min 0 s',
  ])
  expect(cellsOf(segment, 'neighbours', 0, 0)).toEqual(['198.18.96.1', '02:00:00:00:00:09'])
  expect(cellsOf(segment, 'stations', 0, 0)).toEqual(['lan0', '-'])
})

describe('rowsInSight', () => {
  test('only rows in sight, and a few beside them, are elements', () => {
    expect(rowsInSight(0, 320, 32, 10_000)).toEqual({ first: 0, end: 14 })
    expect(rowsInSight(3200, 320, 32, 10_000)).toEqual({ first: 96, end: 114 })
    expect(rowsInSight(319_680, 320, 32, 10_000)).toEqual({ first: 9986, end: 10_000 })
  })

  test('a list that became shorter than it is scrolled shows no rows', () => {
    expect(rowsInSight(319_680, 320, 32, 3)).toEqual({ first: 3, end: 3 })
  })
})

test.each([
  [Number.POSITIVE_INFINITY, 'no end'],
  [null, 'no end'],
  [1000, 'ended'],
  [1001, '1 s'],
  [61_000, '1 min 0 s'],
  [3_601_000, '1 h 0 min'],
  [90_061_000, '1 d 1 h'],
])('a lease that expires at %d ms has at 1 s: %s', (expires, text) => {
  expect(timeLeft(expires, 1000)).toBe(text)
})
