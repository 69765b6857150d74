import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { SKB_GSO_TCPV4, SKB_GSO_UDP_L4, type SkBuff } from '#src/skb/sk-buff.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { Line, wireLength } from '../../src/port/line.ts'

function setUp(speed: number, room = 16) {
  const clock = new FakeClock()
  const pool = new PoisonedPool({ large: 64, small: 64 })
  const delivered: [at: number, number: number][] = []
  let rooms = 0
  let number = 0
  const dropped: [skb: SkBuff, why: string][] = []
  const line = new Line({
    clock,
    random: random(1),
    speed,
    room,
    drop: (...drop) => dropped.push(drop),
    deliver: skb => {
      delivered.push([clock.now(), skb.bytes[skb.data] as number])
      skb.free()
    },
    onRoom: () => {
      rooms++
    },
  })
  function push(length = 1476): boolean {
    const skb = pool.alloc(length) as SkBuff
    skb.bytes[skb.put(length)] = number++
    line.push(skb)
    const refused = dropped.some(([other, why]) => other === skb && why === 'limit')
    if (refused) skb.free()
    return !refused
  }
  return { clock, pool, line, push, delivered, dropped, rooms: () => rooms }
}

describe('Line', () => {
  // A frame of 1476 bytes is 1500 on the wire: 1.2 ms at 10 Mbit/s.
  test('a line sends frames in order and no faster than its speed', () => {
    const { clock, push, delivered, pool } = setUp(10)
    for (let i = 0; i < 12; i++) expect(push()).toBe(true)
    clock.advance(NSEC_PER_SEC)
    expect(delivered.map(([, number]) => number)).toEqual(Array.from({ length: 12 }, (_, i) => i))
    const times = delivered.map(([at]) => at)
    // The first is sent immediately, each other one once it is at most 1 ms ahead of the line.
    expect(times).toEqual(times.map((_, i) => (i === 0 ? 0 : i * 1_200_000 - NSEC_PER_MSEC)))
    expect(pool.out).toBe(0)
  })

  test('a line does not save up unused time', () => {
    const { clock, push, delivered } = setUp(10)
    clock.advance(NSEC_PER_SEC)
    for (let i = 0; i < 3; i++) push()
    expect(delivered).toHaveLength(1)
  })

  test('a line delivers frames below its speed immediately', () => {
    const { clock, push, delivered, line } = setUp(1000)
    for (let i = 0; i < 50; i++) {
      push()
      clock.advance(0.1 * NSEC_PER_MSEC)
    }
    expect([delivered.length, line.length]).toEqual([50, 0])
  })

  test('a full line refuses frames and reports when half of its queue is free', () => {
    const { clock, push, line, rooms } = setUp(10, 4)
    expect([push(), push(), push(), push(), line.full, push(), line.full, push()]).toEqual([
      true,
      true,
      true,
      true,
      false,
      true,
      true,
      false,
    ])
    // One free place is not reported, half of the queue is.
    clock.advance(0.8 * NSEC_PER_MSEC)
    expect([line.length, rooms()]).toEqual([3, 0])
    clock.advance(1.2 * NSEC_PER_MSEC)
    expect([line.length, rooms()]).toEqual([2, 1])
    clock.advance(NSEC_PER_SEC)
    expect([line.length, line.full, rooms()]).toEqual([0, false, 1])
  })

  test('a line that was full reports that half of its queue is free, even if it got a frame in between', () => {
    const { clock, push, line, rooms } = setUp(10, 8)
    for (let i = 0; i < 9; i++) push()
    clock.advance(1.5 * NSEC_PER_MSEC)
    expect([line.length, push(), line.length, rooms()]).toEqual([6, true, 7, 0])
    clock.advance(NSEC_PER_SEC)
    expect([line.length, line.full, rooms()]).toEqual([0, false, 1])
  })

  test('a line that is closed drops the queued frames, which then delay no other', () => {
    const { clock, push, line, pool, delivered, dropped } = setUp(10, 4)
    for (let i = 0; i < 5; i++) push()
    line.close()
    for (const [skb] of dropped) skb.free()
    expect([dropped.map(([, why]) => why), line.full, pool.out, clock.armed]).toEqual([
      new Array(4).fill('closed'),
      false,
      0,
      0,
    ])
    // The first frame was sent, the others took no time.
    push()
    clock.advance(NSEC_PER_SEC)
    expect(delivered.map(([at]) => at)).toEqual([0, 200_000])
  })
})

test('a GSO frame occupies the wire as long as its segments', () => {
  const pool = new SkBuffPool({ large: 2, small: 2 })
  const skb = pool.alloc(5000) as SkBuff
  skb.put(54 + 2500)
  expect(wireLength(skb)).toBe(2554 + 24)
  skb.gsoSize = 1000
  skb.gsoType = SKB_GSO_TCPV4
  skb.csumStart = skb.data + 34
  skb.bytes[skb.csumStart + 12] = 0x50
  expect(wireLength(skb)).toBe(2554 + 2 * 54 + 3 * 24)
  skb.gsoType = SKB_GSO_UDP_L4
  skb.trim(42 + 2500)
  expect(wireLength(skb)).toBe(2542 + 2 * 42 + 3 * 24)
  skb.gsoSize = 0
  skb.trim(20)
  expect(wireLength(skb)).toBe(84)
})
