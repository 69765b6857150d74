import { describe, expect, test } from 'vitest'
import { loss, lossGemodel, lossState } from '#src/wire/stages/loss.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { either, SEED } from '#support/scale.ts'
import { expectLaw, expectNear, expectShare, type LossChain, lossLaw } from '#support/statistics.ts'
import { testWires } from '#support/wire.ts'

const makeWire = testWires()
const PACKETS = either(1_000_000, 100_000)

/** Returns 1 for each lost packet, and 0 for each packet that passes. */
function losses(stage: Impairment): Uint8Array {
  const lost = new Uint8Array(PACKETS).fill(1)
  const wire = makeWire([stage], {
    seed: SEED,
    poison: false,
    receive: skb => {
      lost[skb.packetId - 1] = 0
    },
  })
  wire.send(PACKETS)
  return lost
}

/** Counts the runs of `value` by their length; the first and the last, which are cut, are not. */
function runs(lost: Uint8Array, value: number): number[] {
  const lengths: number[] = []
  for (let i = lost.indexOf(1 - value), length = 0; i < lost.length; i++) {
    if (lost[i] === value) {
      length++
    } else if (length > 0) {
      lengths.push(length)
      length = 0
    }
  }
  return lengths
}

function counted(lengths: readonly number[]): number[] {
  const counts: number[] = []
  for (const length of lengths) {
    counts[length] = (counts[length] ?? 0) + 1
  }
  return Array.from(counts, count => count ?? 0)
}

/** A chain of two states: `a` to the bad one, `b` back. */
const two = (a: number, b: number, good = 0, bad = 1): LossChain => ({
  transitions: [
    [1 - a, a],
    [b, 1 - b],
  ],
  losses: [good, bad],
})

const four = (p13: number, p31: number, p32: number, p23: number, p14: number): LossChain => ({
  transitions: [
    [1 - p13 - p14, 0, p13, p14],
    [0, 1 - p23, p23, 0],
    [p31, p32, 1 - p31 - p32, 0],
    [1, 0, 0, 0],
  ],
  losses: [0, 0, 1, 1],
})

/** `apart`: how many runs away one is that is independent of a run. */
const cases: readonly (readonly [
  text: string,
  stage: Impairment,
  chain: LossChain,
  apart: number,
])[] = [
  ['5 %', loss(0.05), two(0.05, 0.95), 1],
  ['30 %', loss(0.3), two(0.3, 0.7), 1],
  ['10 %, correlation 50 %', loss('10%', { correlation: '50%' }), two(0.05, 0.45), 1],
  ['2 %, correlation 90 %', loss('2%', { correlation: '90%' }), two(0.002, 0.098), 1],
  ['5 % in bursts of 4', loss(0.05, { burst: 4 }), two(0.05 / (4 * 0.95), 1 / 4), 1],
  ['50 % in bursts of 1', loss(0.5, { burst: 1 }), two(1, 1), 1],
  ['20 % in bursts of 2.5', loss(0.2, { burst: 2.5 }), two(0.1, 0.4), 1],
  ['Gilbert', lossGemodel({ p: 0.02, r: 0.25 }), two(0.02, 0.25), 1],
  [
    'Gilbert-Elliott',
    lossGemodel({ p: 0.05, r: 0.2, h: 0.6, k: 0.01 }),
    two(0.05, 0.2, 0.01, 0.6),
    12,
  ],
  [
    'four states',
    lossState({ p13: 0.05, p31: 0.3, p32: 0.3, p23: 0.4, p14: 0.02 }),
    four(0.05, 0.3, 0.3, 0.4, 0.02),
    12,
  ],
  ['four states, by default', lossState({ p13: 0.1 }), four(0.1, 0.9, 0, 1, 0), 1],
]

describe.each(cases)('loss of %s', (text, stage, chain, apart) => {
  const law = lossLaw(chain)

  test('a loss stage loses the requested share, in bursts and gaps of the lengths of its model', () => {
    const lost = losses(stage)
    const count = lost.reduce((sum, one) => sum + one, 0)
    if (text !== '50 % in bursts of 1') {
      expectNear(count / PACKETS, law.rate, law.deviation(PACKETS), 'rate')
    } else {
      expect(count).toBe(PACKETS / 2)
    }
    for (const [value, name] of [
      [1, 'burst'],
      [0, 'gap'],
    ] as const) {
      const independent = runs(lost, value).filter((_, i) => i % apart === 0)
      if (law[name](1) < 1 - 1e-9) {
        expectLaw(counted(independent), law[name], `lengths of ${name}s`)
      } else {
        expect(new Set(independent)).toEqual(new Set([1]))
      }
    }
  })
})

test.each([
  [0.1, 0.5],
  [0.01, 0.25],
  [0.5, 0.9],
])('loss of %d with correlation %d has it between successive losses', (share, correlation) => {
  const lost = losses(loss(share, { correlation }))
  const after = [0, 0]
  const again = [0, 0]
  for (let i = 1; i < lost.length; i++) {
    after[lost[i - 1]]++
    again[lost[i - 1]] += lost[i]
  }
  const [p01, p11] = [(1 - correlation) * share, correlation + (1 - correlation) * share]
  expectShare(again[0], after[0], p01, 'losses after a packet that was sent')
  expectShare(again[1], after[1], p11, 'losses after a loss')
  // The correlation coefficient of a chain of two states is the difference of these.
  const deviation = Math.sqrt((p01 * (1 - p01)) / after[0] + (p11 * (1 - p11)) / after[1])
  expectNear(again[1] / after[1] - again[0] / after[0], correlation, deviation, 'correlation')
})
