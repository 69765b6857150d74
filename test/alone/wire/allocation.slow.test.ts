import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { VirtualClock } from '#src/base/virtual-clock.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { loss } from '#src/wire/stages/loss.ts'
import { rate } from '#src/wire/stages/rate.ts'
import type { Impairment } from '#src/wire/wire.ts'
import { plainChain } from '#support/wire.ts'

const gc = globalThis.gc as () => void
const PACKETS = 200_000
const WARM_UP = 400_000
/** Few enough that what one allocates is still there at its end, uncollected. */
const SLICE = 5000
/**
 * Bytes of numbers. V8 boxes a number, in 16 bytes, for a call that it does not compile into its
 * caller: here the times of a packet. Which calls these are differs from run to run.
 */
const BOXED = 128

/** A chain, and a function that sends packets of 60 bytes through it, one each microsecond. */
function running(stages: readonly Impairment[], small = 16_384) {
  const pool = new SkBuffPool({ large: 4, small })
  const clock = new VirtualClock()
  clock.advance(0)
  let received = 0
  const chain = plainChain({
    clock,
    pool,
    end: {
      push: skb => {
        received++
        skb.free()
      },
    },
  })
  chain.set(stages)
  const run = (packets: number) => {
    for (let i = 0; i < packets; i++) {
      const skb = pool.alloc(60)
      if (skb === undefined) throw new Error('the pool is too small')
      skb.put(60)
      chain.push(skb)
      clock.advance(clock.now() + 1000)
    }
  }
  return { run, pool, chain, clock, received: () => received }
}

/** Returns the bytes that a run allocates for each packet, once it is compiled. */
function cost(run: (packets: number) => void, packets = PACKETS): number {
  run(WARM_UP)
  gc()
  let allocated = 0
  for (let left = packets; left > 0; left -= SLICE) {
    const { heapUsed } = process.memoryUsage()
    run(SLICE)
    allocated += Math.max(0, process.memoryUsage().heapUsed - heapUsed)
  }
  return allocated / packets
}

describe('memory', () => {
  test.each([
    ['delay', () => delay('1ms')],
    ['loss', () => loss(0.01)],
    ['rate', () => rate('1gbit')],
  ])('a packet through %s allocates boxed numbers at most', { timeout: 120_000 }, (_, make) => {
    const { run, received, chain } = running([make()])
    expect(cost(run)).toBeLessThan(BOXED)
    expect(received()).toBeGreaterThan(0.98 * PACKETS)
    chain.close()
  })

  test('a packet through delay, loss and rate allocates boxed numbers at most', {
    timeout: 120_000,
  }, () => {
    const { run, received, chain } = running([delay('1ms'), loss(0.01), rate('1gbit')])
    expect(cost(run)).toBeLessThan(3 * BOXED)
    expect(received()).toBeGreaterThan(0.98 * PACKETS)
    chain.close()
  })

  test('the allocation test detects an array of forty numbers a packet', () => {
    let last: number[] | undefined
    const { run, chain } = running([
      next => ({
        push: skb => {
          last = new Array<number>(40).fill(skb.len)
          next.push(skb)
        },
      }),
    ])
    expect(cost(run, WARM_UP)).toBeGreaterThan(BOXED)
    expect(last).toBeDefined()
    chain.close()
  })

  test('a hundred thousand packets are held in small slots, in order, and all leave', () => {
    const { run, pool, chain, clock, received } = running(
      [delay('100ms', { limit: { packets: 200_000 } })],
      100_100,
    )
    run(100_000)
    expect([pool.out, pool.large.made, received()]).toEqual([99_999, 0, 1])
    run(100_000)
    expect([pool.out, received()]).toEqual([99_999, 100_001])
    clock.advance(clock.now() + 100 * NSEC_PER_MSEC)
    expect([pool.out, received(), chain.drops]).toEqual([0, 200_000, {}])
    chain.close()
  })
})
