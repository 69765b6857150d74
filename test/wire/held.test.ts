import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { HeldPackets } from '#src/wire/held.ts'
import { either, SEED } from '#support/scale.ts'

const MOST = 400
const pool = new SkBuffPool({ large: 0, small: MOST })
const packets = Array.from({ length: MOST }, () => pool.alloc(60) as SkBuff)

/** The packets and moments of a stable sort, which HeldPackets must agree with. */
class Model {
  readonly #held: { skb: SkBuff; moment: number; order: number }[] = []
  #orders = 0

  get length(): number {
    return this.#held.length
  }

  get first(): number {
    return this.#held[0]?.moment ?? Number.POSITIVE_INFINITY
  }

  get skbs(): SkBuff[] {
    return this.#held.map(({ skb }) => skb)
  }

  add(skb: SkBuff, moment: number): void {
    this.#held.push({ skb, moment, order: this.#orders++ })
    this.#held.sort((a, b) => a.moment - b.moment || a.order - b.order)
  }

  shift(): SkBuff | undefined {
    return this.#held.shift()?.skb
  }
}

describe('HeldPackets', () => {
  test('packets leave in the order of a stable sort by moment', () => {
    const steps = fc.array(
      fc.oneof({ weight: 3, arbitrary: fc.nat(50) }, { weight: 1, arbitrary: fc.constant(-1) }),
      {
        maxLength: MOST,
        size: 'max',
      },
    )
    const property = fc.property(steps, moments => {
      const [held, model] = [new HeldPackets(), new Model()]
      for (const [i, moment] of moments.entries()) {
        if (moment < 0) {
          if (held.shift() !== model.shift()) throw new Error(`another packet in step ${i}`)
        } else {
          held.add(packets[i] as SkBuff, moment)
          model.add(packets[i] as SkBuff, moment)
        }
        if (held.length !== model.length || held.first !== model.first) {
          throw new Error(`after step ${i}`)
        }
      }
      const all = new Set<SkBuff>()
      held.each(skb => all.add(skb))
      expect(all).toEqual(new Set(model.skbs))
      expect(model.skbs.every(skb => held.shift() === skb)).toBe(true)
      expect([held.shift(), held.length, held.first, held.last]).toEqual([
        undefined,
        0,
        Infinity,
        -Infinity,
      ])
    })
    fc.assert(property, { seed: SEED, numRuns: either(5000, 200) })
  })

  test('last is the moment after which a packet that keeps order leaves', () => {
    const held = new HeldPackets()
    for (const [i, moment] of [10, 30, 20].entries()) {
      held.add(packets[i] as SkBuff, moment)
    }
    expect([held.first, held.last]).toEqual([10, 30])
  })
})
