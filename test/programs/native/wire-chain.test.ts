import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { rate } from '#src/wire/stages/rate.ts'
import { plainChain } from '#support/wire.ts'
import { native } from './support.ts'

const PACKETS = 200

test('in real time a wire delivers every packet in order, and none before its delay is over', async () => {
  const clock = new TimerfdClock(native)
  const pool = new SkBuffPool({ large: 1, small: PACKETS })
  const sent: number[] = []
  const received: number[] = []
  const early: number[] = []
  let done = () => {}
  const all = new Promise<void>(resolve => {
    done = resolve
  })
  const chain = plainChain({
    clock,
    pool,
    end: {
      push: skb => {
        const { packetId } = skb
        received.push(packetId)
        if (clock.now() - (sent[packetId - 1] as number) < 2 * NSEC_PER_MSEC) {
          early.push(packetId)
        }
        skb.free()
        if (received.length === PACKETS) {
          done()
        }
      },
    },
  })
  try {
    chain.set([delay('2ms'), rate('100mbit')])
    for (let i = 0; i < PACKETS; i++) {
      const skb = pool.alloc(60) as SkBuff
      skb.put(60)
      sent.push(clock.now())
      chain.push(skb)
      if (i % 20 === 0) {
        await new Promise(setImmediate)
      }
    }
    await all
    expect([received, early]).toEqual([sent.map((_, i) => i + 1), []])
    expect(chain.report()).toMatchObject([
      { in: PACKETS, out: PACKETS, held: 0 },
      { in: PACKETS, out: PACKETS, held: 0 },
    ])
  } finally {
    chain.close()
    clock.close()
  }
  expect(pool.out).toBe(0)
})
