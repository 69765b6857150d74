import { expect, test } from 'vitest'
import type { FrameProbe } from '../../src/netdev/frame-probe.ts'
import { SkBuffPool } from '../../src/skb/pool.ts'
import type { SkBuff } from '../../src/skb/sk-buff.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import type { Chain } from '../../src/wire/chain.ts'
import { delay } from '../../src/wire/stages/delay.ts'
import type { Direction, Wire } from '../../src/wire/wire.ts'
import { plainChain } from '../support/wire.ts'

/** Two chains between devices with one probe, and what `received` does with frames from `ab`. */
function probedChains(received: (skb: SkBuff, ba: Chain) => void) {
  const pool = new SkBuffPool({ large: 4, small: 64 })
  const clock = new FakeClock()
  const sent: number[] = []
  const probe: FrameProbe = {
    time: Number.NaN,
    cause: undefined,
    transmitted: () => void sent.push(probe.time),
    received() {},
    dropped() {},
  }
  const free: Wire = { push: skb => skb.free() }
  const chain = (direction: Direction, end: Wire) =>
    plainChain({ direction, clock, pool, end, drop: skb => skb.free() })
  const ba = chain('ba', free)
  const ab = chain('ab', { push: skb => received(skb, ba) })
  ba.setProbes(probe, undefined)
  ab.setProbes(undefined, probe)
  ab.set([delay('1ms')])
  ab.push(pool.alloc(60) as SkBuff)
  return { pool, clock, probe, sent }
}

test('a packet that arrives keeps the time of its wire while its receiver sends another', () => {
  const times: number[] = []
  const { pool, clock, probe, sent } = probedChains((skb, ba) => {
    ba.push(pool.alloc(60) as SkBuff)
    times.push(probe.time)
    skb.free()
  })
  clock.advance(5_000_000)
  expect([times, sent, probe.time]).toEqual([[1_000_000], [1_000_000], Number.NaN])
  expect(pool.out).toBe(0)
})

test('frames have the current time again after a receiver threw', () => {
  const { pool, clock, probe } = probedChains(() => {
    throw new Error('oops')
  })
  clock.advance(5_000_000)
  expect([probe.time, probe.cause, pool.out]).toEqual([Number.NaN, undefined, 0])
})
