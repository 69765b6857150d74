import { describe, expect, test } from 'vitest'
import type { Clock } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { AGAIN, WireClock } from '#src/wire/wire-clock.ts'
import { LoadedClock } from '#support/loaded-clock.ts'

class SlackClock extends FakeClock {
  readonly slack = 50
}

/** Arms an alarm for each moment. Returns what rings: by the wire's time, and the real clock's. */
function rung(clock: FakeClock, moments: readonly number[]): [number, number][] {
  const failed = (error: unknown) => {
    throw error
  }
  const wire = new WireClock(clock, failed, () => {})
  const seen: [number, number][] = []
  for (const moment of moments) {
    wire.alarm(() => seen.push([wire.now(), clock.now()])).at(moment)
  }
  clock.advance(1000)
  return seen
}

/** Gets no packets, and no alarm throws. */
const idleWire = (clock: Clock) =>
  new WireClock(
    clock,
    () => {},
    () => {},
  )

function packets(n: number): SkBuff[] {
  const pool = new SkBuffPool({ large: 1, small: n })
  return Array.from({ length: n }, () => pool.alloc(60) as SkBuff)
}

describe('WireClock', () => {
  test('alarms ring at their moments', () => {
    const moments = [100, 110, 149, 150, 300]
    expect(rung(new FakeClock(), moments)).toEqual(moments.map(moment => [moment, moment]))
  })

  test('alarms in quick succession share a wake-up of a clock with slack, each at its moment of the wire', () => {
    expect(rung(new SlackClock(), [100, 110, 149, 151, 300, 340])).toEqual([
      [100, 100],
      [110, 150],
      [149, 150],
      [151, 200],
      [300, 300],
      [340, 350],
    ])
  })

  test('an arrival rings due alarms without waiting for the shared wake-up', () => {
    const clock = new SlackClock()
    const wire = idleWire(clock)
    const seen: number[] = []
    for (const moment of [100, 110]) {
      wire.alarm(() => seen.push(wire.now())).at(moment)
    }
    clock.advance(120)
    expect(seen).toEqual([100])
    wire.advance()
    expect(seen).toEqual([100, 110])
  })

  test('an alarm that is far off rings on time after one that was put off', () => {
    const clock = new SlackClock()
    const wire = idleWire(clock)
    const seen: number[] = []
    const alarm = wire.alarm(() => {
      seen.push(clock.now())
      if (seen.length < 3) {
        alarm.at(wire.now() + 60)
      }
    })
    alarm.at(10)
    clock.advance(1000)
    expect(seen).toEqual([10, 70, 130])
  })

  test('a wire yields in the middle of a moment, between the packets that a frame was cut into', () => {
    const clock = new LoadedClock()
    const seen: SkBuff[] = []
    const failed = (error: unknown) => {
      throw error
    }
    const [frame, ...segments] = packets(901) as [SkBuff, ...SkBuff[]]
    const wire = new WireClock(clock, failed, skb => {
      // Each packet takes 10 us.
      clock.time += 10_000
      if (skb === frame) {
        for (const segment of segments) {
          wire.follow(segment)
        }
      } else {
        seen.push(skb)
      }
    })
    wire.arrive(frame)
    // 250 us, and the packets until the next reading of the clock.
    expect(seen.length).toBeLessThan(25 + 32)
    for (let before = -1; seen.length > before; ) {
      before = seen.length
      clock.turn()
      expect(seen.length - before).toBeLessThan(25 + 32)
    }
    expect(seen).toEqual(segments)
  })

  test('a wire yields although each packet makes the next arrive', () => {
    const clock = new LoadedClock()
    const failed = (error: unknown) => {
      throw error
    }
    const all = packets(400)
    let seen = 0
    const wire = new WireClock(clock, failed, () => {
      clock.time += 10_000
      const next = all[++seen]
      if (next !== undefined) {
        wire.arrive(next)
      }
    })
    wire.arrive(all[0] as SkBuff)
    expect(seen).toBeLessThan(25 + 2 * 32)
    for (let before = -1; seen > before; ) {
      before = seen
      clock.turn()
      expect(seen - before).toBeLessThan(25 + 2 * 32)
    }
    expect(seen).toBe(400)
  })

  test('a wire yields after a packet of which it made many copies, and later packets wait', () => {
    const clock = new LoadedClock()
    const seen: SkBuff[] = []
    const failed = (error: unknown) => {
      throw error
    }
    const all = packets(20)
    const wire = new WireClock(clock, failed, skb => {
      clock.time += 2_000_000
      for (let i = 0; i < 64; i++) {
        wire.worked()
      }
      seen.push(skb)
    })
    for (const skb of all) {
      wire.arrive(skb)
    }
    expect([seen.length, wire.waiting]).toEqual([1, 19])
    for (let turns = 1; turns < 20; turns++) {
      clock.turn()
      expect(seen.length).toBe(1 + turns)
    }
    expect(seen).toEqual(all)
    expect(clock.armed[0]).toBe(Number.POSITIVE_INFINITY)
  })

  test('an alarm that has more to do rings again before anything else, and the wire yields in between', () => {
    const clock = new LoadedClock()
    const seen: unknown[] = []
    const wire = new WireClock(
      clock,
      () => {},
      () => seen.push('packet'),
    )
    let left = 1000
    wire
      .alarm(() => {
        seen.push(wire.now())
        return --left > 0 ? AGAIN : undefined
      })
      .at(5e8)
    wire.alarm(() => seen.push('other')).at(5e8)
    clock.time = 1e9
    wire.arrive(packets(1)[0] as SkBuff)
    expect(seen.length).toBeLessThan(1000)
    for (let turns = 0; wire.waiting > 0 && turns < 100; turns++) {
      clock.turn()
    }
    expect(seen).toEqual([...Array(1000).fill(5e8), 'other', 'packet'])
  })

  test('a wire that yields completes what happens at its time, and no more, before it is changed', () => {
    const clock = new LoadedClock()
    const [first, second] = packets(2) as [SkBuff, SkBuff]
    const seen: unknown[] = []
    const wire = new WireClock(
      clock,
      () => {},
      skb => {
        seen.push(skb)
        if (skb === first) {
          wire.follow(second)
        }
      },
    )
    let left = 1000
    wire.alarm(() => (--left > 0 ? AGAIN : seen.push(wire.now()))).at(5e8)
    wire.alarm(() => wire.arrive(first)).at(5e8)
    wire.alarm(() => seen.push('later')).at(6e8)
    clock.time = 1e9
    wire.advance()
    expect(seen).toEqual([])
    wire.settle()
    expect([seen, wire.now()]).toEqual([[5e8], 5e8])
    for (let turns = 0; wire.waiting > 0 && turns < 100; turns++) {
      clock.turn()
    }
    expect(seen).toEqual([5e8, 'later', first, second])
  })

  test('a cancelled alarm, and an alarm of a closed wire, does not ring again', () => {
    const clock = new LoadedClock()
    let rung = 0
    const again = () => {
      rung++
      return AGAIN
    }
    const wires = [idleWire(clock), idleWire(clock)] as const
    const alarms = wires.map(wire => wire.alarm(again))
    for (const alarm of alarms) {
      alarm.at(0)
    }
    clock.time = 1e9
    for (const wire of wires) {
      wire.advance()
    }
    const before = rung
    alarms[0]?.cancel()
    wires[1].close(() => {})
    clock.turn()
    expect([rung, before > 0]).toEqual([before, true])
  })

  test('an alarm that closes its wire does not ring again', () => {
    const clock = new FakeClock()
    let rung = 0
    const wire = idleWire(clock)
    wire
      .alarm(() => {
        rung++
        wire.close(() => {})
        return rung < 9 ? AGAIN : undefined
      })
      .at(1)
    clock.advance(10)
    expect([rung, clock.armed]).toEqual([1, 0])
  })

  test('a wire with endless alarms gives the event loop its turn', () => {
    const clock = new LoadedClock()
    const wire = idleWire(clock)
    let rung = 0
    const alarm = wire.alarm(() => {
      rung++
      alarm.at(wire.now())
    })
    alarm.at(0)
    clock.time = 1e9
    wire.advance()
    expect(rung).toBeGreaterThan(50)
    expect(rung).toBeLessThan(1000)
    expect(clock.armed[0]).toBeLessThan(clock.time)
    const before = rung
    clock.turn()
    expect(rung).toBeGreaterThan(before)
  })

  test('packets that arrive while the wire’s time lags wait until it reaches their arrival', () => {
    const clock = new LoadedClock()
    const seen: unknown[] = []
    const [first, second] = packets(2)
    const wire = new WireClock(
      clock,
      () => {},
      skb => seen.push([skb === first ? 'first' : 'second', wire.now()]),
    )
    for (let i = 0; i < 2000; i++) {
      wire.alarm(() => seen.push(wire.now())).at(2e5 + i * 1000)
    }
    clock.time = 1e9
    wire.arrive(first as SkBuff)
    wire.arrive(second as SkBuff)
    expect(wire.waiting).toBe(2)
    expect(seen.length).toBeLessThan(1000)
    for (let turns = 0; wire.waiting > 0 && turns < 100; turns++) {
      clock.turn()
    }
    expect(seen).toEqual([
      ...Array.from({ length: 2000 }, (_, i) => 2e5 + i * 1000),
      ['first', 1.0001e9],
      ['second', expect.any(Number)],
    ])
    expect(wire.late).toBe(0)
  })

  test('a packet that arrives while an alarm rings or another packet arrives waits its turn', () => {
    const clock = new FakeClock()
    const seen: string[] = []
    const [first, second, third] = packets(3)
    const wire = new WireClock(
      clock,
      () => {},
      skb => {
        if (skb === first) {
          wire.arrive(second as SkBuff)
        }
        seen.push(['first', 'second', 'third'][[first, second, third].indexOf(skb)] as string)
      },
    )
    wire
      .alarm(() => {
        wire.arrive(third as SkBuff)
        seen.push('alarm')
      })
      .at(10)
    wire.arrive(first as SkBuff)
    clock.advance(10)
    expect(seen).toEqual(['first', 'second', 'alarm', 'third'])
  })

  test('an arrival that arms an alarm for now rings it before the next arrival', () => {
    const clock = new FakeClock()
    const seen: unknown[] = []
    const [first, second] = packets(2)
    const wire = new WireClock(
      clock,
      () => {},
      skb => {
        if (skb === first) {
          wire.alarm(() => seen.push('alarm')).at(wire.now())
        }
        seen.push(skb === first ? 'first' : 'second')
      },
    )
    wire.arrive(first as SkBuff)
    wire.arrive(second as SkBuff)
    expect([seen, clock.armed]).toEqual([['first', 'alarm', 'second'], 0])
  })

  test('time continues if an alarm throws, and even if the error handler throws too', () => {
    const clock = new FakeClock()
    const failures: unknown[] = []
    const seen: number[] = []
    const failed = (error: unknown) => {
      failures.push(error)
      throw new Error('the log is full')
    }
    const wire = new WireClock(clock, failed, () => {})
    wire
      .alarm(() => {
        throw new Error('broken')
      })
      .at(10)
    for (const moment of [10, 20]) {
      wire.alarm(() => seen.push(wire.now())).at(moment)
    }
    expect(() => clock.advance(100)).toThrow('the log is full')
    clock.advance(100)
    expect([failures, seen]).toEqual([[new Error('broken')], [10, 20]])
  })

  test('an alarm at NaN throws, and no other alarm suffers', () => {
    const clock = new FakeClock()
    const seen: number[] = []
    const wire = idleWire(clock)
    const alarm = wire.alarm(() => seen.push(wire.now()))
    alarm.at(5)
    expect(() => alarm.at(Number.NaN)).toThrow('alarm at NaN')
    clock.advance(10)
    expect(seen).toEqual([5])
  })

  test('an alarm that arms itself for now does not stop time after 104 days', () => {
    const clock = new FakeClock()
    clock.advance(2 ** 54)
    let rung = 0
    const wire = idleWire(clock)
    const alarm = wire.alarm(() => {
      rung++
      if (rung < 1000) {
        alarm.at(wire.now())
      }
    })
    alarm.at(2 ** 54)
    clock.advance(100)
    expect(rung).toBeLessThan(100)
    alarm.cancel()
  })

  test('after the end no alarm rings or is armed, and waiting packets are dropped', () => {
    const clock = new FakeClock()
    const dropped: SkBuff[] = []
    const [first, second] = packets(2)
    const wire = new WireClock(
      clock,
      () => {},
      skb => {
        if (skb !== first) return
        wire.arrive(second as SkBuff)
        wire.close(each => dropped.push(each))
      },
    )
    let rung = 0
    const alarm = wire.alarm(() => rung++)
    alarm.at(10)
    wire.arrive(first as SkBuff)
    alarm.at(20)
    clock.advance(100)
    expect([rung, clock.armed, dropped]).toEqual([0, 0, [second]])
  })
})
