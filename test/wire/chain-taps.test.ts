import { expect, test } from 'vitest'
import type { FrameTap } from '../../src/netdev/frame-tap.ts'
import { SkBuffPool } from '../../src/skb/pool.ts'
import type { SkBuff } from '../../src/skb/sk-buff.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import type { Chain } from '../../src/wire/chain.ts'
import { delay } from '../../src/wire/stages/delay.ts'
import type { Direction, Wire } from '../../src/wire/wire.ts'
import { plainChain } from '../support/wire.ts'

/** Two chains between devices with one tap, and what `received` does with what arrives by `ab`. */
function tappedChains(received: (skb: SkBuff, ba: Chain) => void) {
  const pool = new SkBuffPool({ large: 4, small: 64 })
  const clock = new FakeClock()
  const sent: number[] = []
  const tap: FrameTap = {
    time: Number.NaN,
    cause: undefined,
    transmitted: () => void sent.push(tap.time),
    received() {},
    dropped() {},
  }
  const free: Wire = { push: skb => skb.free() }
  const chain = (direction: Direction, end: Wire) =>
    plainChain({ direction, clock, pool, end, drop: skb => skb.free() })
  const ba = chain('ba', free)
  const ab = chain('ab', { push: skb => received(skb, ba) })
  ba.setTaps(tap, undefined)
  ab.setTaps(undefined, tap)
  ab.set([delay('1ms')])
  ab.push(pool.alloc(60) as SkBuff)
  return { pool, clock, tap, sent }
}

test('a packet that arrives keeps the time of its wire while its receiver sends another', () => {
  const times: number[] = []
  const { pool, clock, tap, sent } = tappedChains((skb, ba) => {
    ba.push(pool.alloc(60) as SkBuff)
    times.push(tap.time)
    skb.free()
  })
  clock.advance(5_000_000)
  expect([times, sent, tap.time]).toEqual([[1_000_000], [1_000_000], Number.NaN])
  expect(pool.out).toBe(0)
})

test('frames have the time of the moment again after a receiver threw', () => {
  const { pool, clock, tap } = tappedChains(() => {
    throw new Error('oops')
  })
  clock.advance(5_000_000)
  expect([tap.time, tap.cause, pool.out]).toEqual([Number.NaN, undefined, 0])
})
