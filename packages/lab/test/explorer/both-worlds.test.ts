/** The comparison of both worlds' verdicts, which the tests of explored protocols make. */
import { expect, test } from 'vitest'
import { parseKind } from '../../src/explore/fault-text.ts'
import type { ExploredPacket } from '../../src/explore/points.ts'
import type { Verdict } from '../../src/explore/result.ts'
import { parseName } from '../../src/model/packet-name.ts'
import { unknownDifferences } from '../explore/both-worlds.ts'

const CLIENT = 'a-b ab tcp a:* > b:80'

function packet(text: string, end: number): ExploredPacket {
  const name = `${CLIENT} ${text}`
  const rest = {
    number: 1,
    time: 0,
    at: 0,
    length: 60,
    head: new Uint8Array(60),
    hit: false,
    lost: false,
  }
  return { ...parseName(name), ...rest, name, end }
}

/** Returns a report in which losing each of these packets has this verdict. */
function reportOf(...lost: readonly (readonly [text: string, end: number, verdict: Verdict])[]) {
  const packets = lost.map(([text, end]) => packet(text, end))
  const points = lost.map(([, , verdict], i) => ({ packet: i, kind: 0, faults: [], verdict }))
  return { packets, kinds: [parseKind('drop')], points }
}

/** Segments that all pass, beside which one may differ. */
const MANY = Array.from({ length: 30 }, (_, i) => [`seq ${100 + i}`, 101 + i, 'passed'] as const)

test('equal verdicts of segments that are cut a little differently do not count as a difference', () => {
  const memory = reportOf(['seq 1', 72, 'passed'], ['seq 72', 90, 'slower'])
  expect(unknownDifferences(memory, memory)).toEqual([])
  expect(
    unknownDifferences(memory, reportOf(['seq 1', 71, 'passed'], ['seq 71', 90, 'slower'])),
  ).toEqual([])
})

test('another verdict is a difference, and so is a segment that only one world has', () => {
  const memory = reportOf(['seq 1', 72, 'failed'], ['seq 72', 90, 'passed'])
  const kernel = reportOf(['seq 1', 72, 'passed'], ['seq 90', 95, 'passed'])
  expect(unknownDifferences(memory, kernel)).toEqual([
    `drop ${CLIENT} seq 1: failed in memory, passed in the kernel`,
    `drop ${CLIENT} seq 72: passed in memory, none in the kernel`,
    `drop ${CLIENT} seq 90: none in memory, passed in the kernel`,
  ])
})

test('a known difference is one up to its share of the points', () => {
  const memory = reportOf(...MANY)
  const slow = (n: number) =>
    MANY.map(([text, end], i) => [text, end, i < n ? 'slower' : 'passed'] as const)
  expect(unknownDifferences(memory, reportOf(...slow(3)))).toEqual([])
  expect(unknownDifferences(memory, reportOf(...slow(4)))).toHaveLength(1)
  expect(unknownDifferences(reportOf(...slow(1)), memory)).toHaveLength(1)
  expect(unknownDifferences(reportOf(...MANY, ['ack 1', 1, 'passed']), memory)).toEqual([])
})
