import { expect, test } from 'vitest'
import { FakeClock } from '#src/bed/fake-clock.ts'
import type { FrameProbe } from '#src/netdev/ndo.ts'
import { dropReasonName } from '#src/skb/drop-reason-name.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import type { Chain } from '#src/wire/chain.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { duplicate } from '#src/wire/stages/duplicate.ts'
import type { Direction, Wire } from '#src/wire/wire.ts'
import { plainChain } from '#support/wire.ts'

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

test('a copy that exceeds the bound is dropped with its reason and its cause, which captures show', () => {
  const pool = new SkBuffPool({ large: 4, small: 256 })
  const dropped: unknown[] = []
  const drop = (skb: SkBuff, reason: number) => {
    dropped.push([dropReasonName(reason), probe.cause])
    skb.free()
  }
  const probe: FrameProbe = {
    time: Number.NaN,
    cause: undefined,
    transmitted() {},
    received() {},
    dropped() {},
  }
  const chain = plainChain({ clock: new FakeClock(), pool, end: { push: skb => skb.free() }, drop })
  chain.setProbes(probe, undefined)
  chain.set(Array.from({ length: 7 }, () => duplicate(1)))
  chain.push(pool.alloc(60) as SkBuff)
  const stage = { place: 7, kind: 'duplicate', text: 'duplicate 100%' }
  expect(dropped[0]).toEqual([
    'COPIES',
    { direction: 'ab', ...stage, why: 'copies', seed: 1, packet: 1 },
  ])
})

test('frames have the current time again after a receiver threw', () => {
  const { pool, clock, probe } = probedChains(() => {
    throw new Error('oops')
  })
  clock.advance(5_000_000)
  expect([probe.time, probe.cause, pool.out]).toEqual([Number.NaN, undefined, 0])
})
