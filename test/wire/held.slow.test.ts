/** Many held packets. */
import { describe, expect, test } from 'vitest'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { HeldPackets } from '#src/wire/held.ts'

describe('HeldPackets', () => {
  test('a hundred thousand packets in order and out of order leave in order', () => {
    const many = new SkBuffPool({ large: 0, small: 100_000 })
    const held = new HeldPackets()
    const moments = new Map<SkBuff, number>()
    for (let i = 0; i < 100_000; i++) {
      const skb = many.alloc(60) as SkBuff
      const moment = i % 10 === 0 ? (i * 7919) % 100_000 : i
      moments.set(skb, moment)
      held.add(skb, moment)
    }
    let last = -1
    let left = 0
    for (let skb = held.shift(); skb !== undefined; skb = held.shift(), left++) {
      const moment = moments.get(skb) as number
      if (moment < last) throw new Error(`${moment} behind ${last}`)
      last = moment
    }
    expect([left, held.length]).toEqual([100_000, 0])
  })
})
