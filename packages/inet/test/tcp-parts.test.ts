/** Parts of the TCP in memory against simple models, and random segments. */
import { describe, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { SEED, scaled } from '#support/scale.ts'
import { Congestion } from '../src/tcp/congestion.ts'
import { ReceiveBuffer } from '../src/tcp/receive.ts'
import { giveUpTime, Rtt } from '../src/tcp/rtt.ts'
import { Scoreboard } from '../src/tcp/scoreboard.ts'
import { SendBuffer } from '../src/tcp/send.ts'
import { MS, pattern, SEC } from './tcp-pair.ts'

describe('the receive buffer', () => {
  test('returns each byte once and in order, and reports ranges that arrived, the latest first', () => {
    for (let run = 0; run < scaled(4000); run++) {
      const seed = SEED * 7919 + run
      const draw = random(seed)
      const size = 1 + draw.below(300)
      const stream = pattern(size, seed)
      const buffer = new ReceiveBuffer()
      const has = new Uint8Array(size)
      const got: number[] = []
      for (let step = 0; step < 2000 && !(buffer.isFinished && buffer.unread === 0); step++) {
        const from = draw.below(size)
        const to = Math.min(size, from + 1 + draw.below(60))
        const isFin = to === size
        buffer.accept(1 + from, stream, from, to - from, isFin)
        has.fill(1, from, to)
        const next = has.indexOf(0)
        const expected = next < 0 ? size : next
        // A FIN is accepted with the byte before it, or as the only one.
        // Without `expect`, which takes longer than a step.
        const check = (holds: boolean, what: string) => {
          if (!holds) throw new Error(`seed ${seed}, step ${step}: ${what}`)
        }
        const { ranges } = buffer
        const isNext = buffer.next - (buffer.isFinished ? 1 : 0) === 1 + expected
        check(isNext, `next is ${buffer.next}, not ${1 + expected}`)
        for (let i = 0; i < ranges.length; i += 2) {
          const [start, end] = [(ranges[i] ?? 0) - 1, (ranges[i + 1] ?? 0) - 1]
          check(start > expected, 'a range has arrived bytes before it')
          const isWhole = !has.subarray(start, Math.min(end, size)).includes(0)
          check(isWhole, 'a range has bytes that did not arrive')
        }
        check(ranges.length <= 8, 'more than 4 ranges')
        // The range of this segment is the first.
        if (from > expected && to > from) {
          check((ranges[0] ?? 0) - 1 <= from, 'the first range starts after the segment')
          check((ranges[1] ?? 0) - 1 >= to, 'the first range ends before the segment')
        }
        if (draw.below(4) === 0) {
          for (let c = buffer.read(); c !== undefined; c = buffer.read()) {
            got.push(...c)
          }
        }
      }
      for (let c = buffer.read(); c !== undefined; c = buffer.read()) {
        got.push(...c)
      }
      expect([seed, buffer.isFinished]).toEqual([seed, true])
      expect([seed, Buffer.compare(Uint8Array.from(got), stream)]).toEqual([seed, 0])
    }
  })
})

describe('the congestion window', () => {
  test('is halved for each timeout of a pause, down to ten segments', () => {
    const windowAfter = (window: number, pause: number) => {
      const congestion = new Congestion()
      congestion.window = window
      congestion.restart(pause, SEC)
      return congestion.window
    }
    expect(
      [
        [100, 1.5],
        [100, 3.5],
        [16, 3.5],
        [4, 3.5],
      ].map(([window = 0, pause = 0]) => windowAfter(window, pause * SEC)),
    ).toEqual([50, 12, 10, 4])
  })
})

describe('loss detection', () => {
  /** Ten segments of 100 bytes, sent at the same time. Some arrive a second later. */
  const sent = (...arrived: number[]) => {
    const board = new Scoreboard()
    for (let i = 0; i < 10; i++) {
      board.add(i * 100, i * 100 + 100, 0)
    }
    for (const i of arrived) {
      board.begin()
      board.sack(i * 100, i * 100 + 100, SEC, SEC)
    }
    return board
  }

  test('waits a quarter of a round trip for segments before one that arrived', () => {
    const board = sent(2)
    expect(board.detect(SEC, SEC, SEC, false)).toBe(SEC / 4)
    expect(board.lost).toBe(0)
    expect(board.detect(SEC + SEC / 4, SEC, SEC, false)).toBe(0)
    expect(board.lost).toBe(2)
    expect(board.inFlight).toBe(7)
  })

  test('does not wait after three others arrived, unless the path has reordered segments', () => {
    const board = sent(2, 3, 4)
    expect(board.detect(SEC, SEC, SEC, false)).toBe(0)
    expect(board.lost).toBe(2)
    const reordered = sent(2, 1, 3, 4)
    expect(reordered.detect(SEC, SEC, SEC, false)).toBe(SEC / 4)
    expect(reordered.lost).toBe(0)
  })

  test('finds a repetition lost once a later transmission arrives', () => {
    const board = sent(2, 3, 4)
    board.detect(SEC, SEC, SEC, true)
    const first = board.nextLost(1000, 1000)
    if (first !== undefined) {
      board.resend(first, SEC)
    }
    const second = board.nextLost(1000, 1000)
    if (second !== undefined) {
      board.resend(second, SEC)
    }
    expect(board.detect(SEC, SEC, SEC, true)).toBe(0)
    expect([board.lost, board.resent]).toEqual([2, 2])
    board.begin()
    board.sack(100, 200, 2 * SEC, SEC)
    board.detect(2 * SEC, SEC, SEC, true)
    expect([board.lost, board.resent, board.nextLost(1000, 1000) === first]).toEqual([6, 0, true])
  })
})

describe('the send buffer', () => {
  test('copies any part that was not released, from whatever chunks', () => {
    for (let run = 0; run < scaled(4000); run++) {
      const draw = random(SEED * 104_729 + run)
      const buffer = new SendBuffer(1)
      const stream = pattern(5000, run)
      let end = 0
      for (let step = 0; step < 300; step++) {
        const n = Math.min(draw.below(draw.below(2) ? 3 : 200), stream.length - end)
        buffer.append(stream.slice(end, end + n))
        end += n
        const start = buffer.start - 1
        if (draw.below(3) === 0) {
          buffer.release(1 + start + draw.below(end - start + 1))
        }
        const from = buffer.start - 1
        const at = from + draw.below(end - from + 1)
        const length = draw.below(end - at + 1)
        const to = new Uint8Array(length + 2)
        buffer.copy(1 + at, length, to, 1)
        const isSame =
          Buffer.compare(to.subarray(1, 1 + length), stream.subarray(at, at + length)) === 0
        // Without `expect`, which takes longer than a step.
        if (buffer.length !== end - from || !isSame) throw new Error(`run ${run}, step ${step}`)
      }
    }
  })
})

describe('the retransmission timeout', () => {
  test('is a second at first, then the round trip and at least 200 ms', () => {
    const rtt = new Rtt()
    expect(rtt.timeout).toBe(SEC)
    rtt.sample(10 * MS, 0)
    expect(rtt.timeout).toBe(210 * MS)
    rtt.sample(410 * MS, SEC)
    // RFC 6298: SRTT 60 ms, RTTVAR 3/4 * 5 ms + 400 ms / 4.
    expect(rtt.timeout / MS).toBeCloseTo(60 + 4 * 103.75, -1)
  })

  test('adds the least timeout that the host has', () => {
    const rtt = new Rtt(50 * MS)
    rtt.sample(10 * MS, 0)
    expect(rtt.timeout).toBe(60 * MS)
  })

  test('doubles up to 120 s until the next measurement', () => {
    const rtt = new Rtt()
    rtt.backoff = 6
    expect(rtt.timeout).toBe(64 * SEC)
    rtt.backoff = 7
    expect(rtt.timeout).toBe(120 * SEC)
    rtt.sample(MS, 0)
    expect(rtt.timeout).toBe(201 * MS)
  })

  test('lets 15 repetitions take 924.6 s, and 8 take 102.2 s', () => {
    expect(giveUpTime(15)).toBe(924.6 * SEC)
    expect(giveUpTime(8)).toBe(102.2 * SEC)
  })
})
