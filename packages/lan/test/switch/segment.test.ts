import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { SKB_DROP_REASON_NOMEM, SKB_DROP_REASON_PKT_TOO_SMALL } from '#src/skb/drop-reason.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { NeighbourTable } from '../../src/machines/neighbour-table.ts'
import { ForwardingTable } from '../../src/switch/forwarding-table.ts'
import { type Inhabitant, Segment, type Station } from '../../src/switch/segment.ts'
import { textOf } from '../lan-net.ts'

const mac = (n: number) => [2, 0, 0, 0, n >> 8, n & 255]
const BROADCAST = [255, 255, 255, 255, 255, 255]

/** A station that notes the last byte of each frame that it receives. */
class Listener implements Station {
  readonly got: number[] = []
  receive(skb: SkBuff): void {
    expect(skb.dev).toBeUndefined()
    this.got.push(skb.bytes[skb.tail - 1] as number)
    skb.free()
  }
}

class Resident extends Listener implements Inhabitant {
  readonly #segment: Segment
  constructor(segment: Segment) {
    super()
    this.#segment = segment
  }
  override receive(skb: SkBuff): void {
    this.got.push(skb.bytes[skb.tail - 1] as number)
    this.#segment.take(skb)
  }
  owns(bytes: Uint8Array, at: number): boolean {
    return bytes[at + 5] === 99
  }
}

function setUp(pool = new PoisonedPool({ large: 4, small: 64 })) {
  const clock = new FakeClock()
  const segment = new Segment({ clock })
  const [a, b, c] = [new Listener(), new Listener(), new Listener()]
  for (const station of [a, b, c]) {
    segment.attach(station)
  }
  let number = 0
  function send(from: Station, source: number[], destination: number[]): number {
    const skb = pool.alloc(60) as SkBuff
    skb.bytes.set([...destination, ...source, 0x88, 0xb5], skb.put(60))
    skb.bytes[skb.tail - 1] = ++number
    segment.send(skb, from)
    const { stats } = segment
    expect(stats.in).toBe(stats.out + stats.taken + stats.dropped + stats.held)
    expect(pool.out).toBe(0)
    return number
  }
  return { clock, pool, segment, a, b, c, send }
}

describe('Segment', () => {
  test('a frame to a known address goes to its station, one to an unknown address to all others', () => {
    const { segment, a, b, c, send } = setUp()
    const unknown = send(a, mac(1), mac(2))
    expect([a.got, b.got, c.got]).toEqual([[], [unknown], [unknown]])
    const answer = send(b, mac(2), mac(1))
    const known = send(a, mac(1), mac(2))
    expect([a.got, b.got, c.got]).toEqual([[answer], [unknown, known], [unknown]])
    expect(segment.stats).toEqual({ in: 4, made: 1, out: 4, taken: 0, dropped: 0, held: 0 })
  })

  test('multicast and broadcast go to all other stations', () => {
    const { a, b, c, send } = setUp()
    const sent = [send(a, mac(1), BROADCAST), send(a, mac(1), [0x33, 0x33, 0, 0, 0, 1])]
    expect([a.got, b.got, c.got]).toEqual([[], sent, sent])
  })

  test('no frame goes back to the station that sent it', () => {
    const { segment, a, b, c, send } = setUp()
    send(a, mac(1), BROADCAST)
    send(a, mac(2), mac(1))
    expect([a.got.length, b.got.length, c.got.length, segment.stats.taken]).toEqual([0, 1, 1, 1])
  })

  test('an address that moves is followed, and the addresses of an unplugged station are forgotten', () => {
    const { segment, a, b, c, send } = setUp()
    send(a, mac(1), BROADCAST)
    send(b, mac(1), BROADCAST)
    const moved = send(c, mac(3), mac(1))
    expect([a.got.includes(moved), b.got.includes(moved)]).toEqual([false, true])
    segment.detach(b)
    const flooded = send(c, mac(3), mac(1))
    expect([a.got.includes(flooded), b.got.includes(flooded)]).toEqual([true, false])
    segment.attach(b)
    segment.attach(b)
    expect(segment.stations).toHaveLength(3)
  })

  test('an address that is not heard for 300 s is forgotten, and an empty table has no alarm', () => {
    const { clock, segment, a, b, c, send } = setUp()
    send(a, mac(1), BROADCAST)
    clock.advance(200 * NSEC_PER_SEC)
    send(b, mac(2), BROADCAST)
    clock.advance(99 * NSEC_PER_SEC)
    expect(textOf(segment.table.entries())).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02'])
    clock.advance(2 * NSEC_PER_SEC)
    expect(segment.table.entries()).toEqual([{ mac: Uint8Array.from(mac(2)), station: b }])
    const flooded = send(c, mac(3), mac(1))
    expect([a.got.includes(flooded), b.got.includes(flooded)]).toEqual([true, true])
    clock.advance(600 * NSEC_PER_SEC)
    expect([segment.table.size, clock.armed]).toEqual([0, 0])
  })

  test('an address that is heard again in time is kept', () => {
    const { clock, segment, a, send } = setUp()
    for (let i = 0; i < 10; i++) {
      send(a, mac(1), BROADCAST)
      clock.advance(100 * NSEC_PER_SEC)
      expect(segment.table.size).toBe(1)
    }
  })

  describe('a full table', () => {
    function fill(max: number) {
      const clock = new FakeClock()
      const table = new ForwardingTable(clock, max)
      const stations = { a: new Listener(), b: new Listener(), c: new Listener() }
      const learn = (n: number, station: Station) =>
        table.learn(Uint8Array.from(mac(n)), 0, station)
      const knows = (n: number) => table.get(Uint8Array.from(mac(n)), 0)
      return { clock, table, ...stations, learn, knows }
    }

    test('a station with random addresses does not keep a later address of another from being learned', () => {
      const { table, a, b, c, learn, knows } = fill(8)
      learn(1, b)
      for (let n = 100; n < 200; n++) {
        learn(n, a)
      }
      expect(table.size).toBe(8)
      learn(2, b)
      learn(3, c)
      for (let n = 200; n < 300; n++) {
        learn(n, a)
      }
      expect([knows(1), knows(2), knows(3), table.size]).toEqual([b, b, c, 8])
      expect(knows(299)).toBe(a)
    })

    test('two stations with random addresses leave a third its share', () => {
      const { a, b, c, learn, knows } = fill(9)
      for (let n = 100; n < 200; n++) {
        learn(n, a)
        learn(1000 + n, b)
      }
      for (let n = 1; n <= 3; n++) {
        learn(n, c)
      }
      for (let n = 200; n < 250; n++) {
        learn(n, n % 2 === 0 ? a : b)
      }
      expect([knows(1), knows(2), knows(3)]).toEqual([c, c, c])
    })

    test('a station that has all entries replaces one after the other', () => {
      const { a, learn, knows } = fill(4)
      for (let n = 1; n <= 6; n++) {
        learn(n, a)
      }
      expect([1, 2, 3, 4, 5, 6].filter(n => knows(n) === a)).toHaveLength(4)
      expect([knows(5), knows(6)]).toEqual([a, a])
    })

    test('a station learns even if there are more stations than entries', () => {
      const { a, b, c, learn, knows } = fill(2)
      learn(1, a)
      learn(2, b)
      learn(3, c)
      expect(knows(3)).toBe(c)
    })

    test('an address that moves to another station is forgotten with that one', () => {
      const { clock, table, a, b, learn, knows } = fill(4)
      for (let n = 1; n <= 3; n++) {
        learn(n, a)
      }
      learn(2, b)
      table.forget(a)
      expect([knows(1), knows(2), knows(3), table.size]).toEqual([undefined, b, undefined, 1])
      table.forget(b)
      expect([table.size, clock.armed]).toEqual([0, 0])
    })
  })

  test('a frame that is short or has an invalid source is dropped; one to the switch itself ends there', () => {
    const { pool, segment, a, b, send } = setUp()
    send(a, [3, 0, 0, 0, 0, 1], mac(2))
    send(a, [0, 0, 0, 0, 0, 0], mac(2))
    send(a, mac(1), [1, 0x80, 0xc2, 0, 0, 0x0e])
    const passed = send(a, mac(1), [1, 0x80, 0xc2, 0, 0, 0x10])
    expect([b.got, segment.stats.dropped, segment.stats.taken]).toEqual([[passed], 2, 1])
    const short = pool.alloc(13) as SkBuff
    short.put(13)
    segment.send(short, a)
    expect([segment.drops[SKB_DROP_REASON_PKT_TOO_SMALL], segment.stats.dropped]).toEqual([1, 3])
  })

  test('a copy without a slot is counted as dropped', () => {
    const { segment, a, b, c, send } = setUp(new PoisonedPool({ large: 0, small: 1 }))
    send(a, mac(1), BROADCAST)
    expect([b.got.length + c.got.length, segment.drops[SKB_DROP_REASON_NOMEM]]).toEqual([1, 1])
    expect(segment.stats).toEqual({ in: 2, made: 1, out: 1, taken: 0, dropped: 1, held: 0 })
  })

  test('frames to an inhabitant go to it alone, and its address is not learned elsewhere', () => {
    const { segment, a, b, send } = setUp()
    const resident = new Resident(segment)
    segment.attach(resident)
    const hello = send(a, mac(1), mac(99))
    send(b, mac(99), BROADCAST)
    const again = send(a, mac(1), mac(99))
    expect(resident.got.filter(n => n === hello || n === again)).toEqual([hello, again])
    expect([b.got, segment.table.size]).toEqual([[], 1])
    // An inhabitant does not get unknown unicast.
    const other = send(b, mac(2), mac(7))
    expect(resident.got.includes(other)).toBe(false)
  })

  test('a frame on a segment without other stations is consumed', () => {
    const { segment, a, b, c, send } = setUp()
    segment.detach(b)
    segment.detach(c)
    send(a, mac(1), BROADCAST)
    expect(segment.stats).toMatchObject({ in: 1, taken: 1 })
  })
})

test('a full NeighbourTable forgets the entry that it learned first', () => {
  const table = new NeighbourTable(4, 3)
  const learn = (n: number, m: number) =>
    table.learn(Uint8Array.of(198, 18, 0, n), 0, Uint8Array.from(mac(m)), 0)
  for (const n of [1, 2, 3, 2, 4]) {
    learn(n, n)
  }
  const last = table.entries().map(({ address }) => address[3])
  expect(new Set(last)).toEqual(new Set([2, 3, 4]))
  learn(3, 33)
  const at = table.find(Uint8Array.of(198, 18, 0, 3), 0)
  expect([...table.macs.subarray(at, at + 6)]).toEqual(mac(33))
  expect([table.find(Uint8Array.of(198, 18, 0, 1), 0), table.size]).toEqual([-1, 3])
})
