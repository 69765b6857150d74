import { beforeEach, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { LimitedLog, LOGLEVEL_INFO, Log } from '#src/base/log.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'

let clock: FakeClock
let lines: string[]
let log: Log
let limited: LimitedLog
beforeEach(() => {
  clock = new FakeClock()
  lines = []
  log = new Log(LOGLEVEL_INFO, (_, text) => lines.push(text))
  limited = new LimitedLog(log.named('sn0'), clock, { lines: 2, seconds: 10 })
})

test('lines beyond the limit are counted, and reported once when the time is over', () => {
  for (let n = 1; n <= 20_000; n++) {
    limited.info('ACK', `line ${n}`)
  }
  expect(lines).toEqual(['sn0: line 1', 'sn0: line 2'])
  clock.advance(10 * NSEC_PER_SEC)
  expect(lines).toEqual(['sn0: line 1', 'sn0: line 2', 'sn0: ACK: 19998 similar lines suppressed'])
  limited.info('ACK', 'later')
  expect(lines.at(-1)).toBe('sn0: later')
})

test('a kind within its limit is not reported, leaves no alarm, and starts again after the time', () => {
  for (let n = 0; n < 5; n++) {
    limited.info('ACK', 'one')
    limited.info('ACK', 'two')
    clock.advance(10 * NSEC_PER_SEC)
  }
  expect([lines.length, clock.armed]).toEqual([10, 0])
})

test('each kind of line has a limit of its own', () => {
  for (let n = 0; n < 5; n++) {
    limited.info('ACK', 'ack')
  }
  limited.warn('NAK', 'nak')
  expect(lines).toEqual(['sn0: ack', 'sn0: ack', 'sn0: nak'])
})

test('the text of a line that is not written is not built', () => {
  let made = 0
  for (let n = 0; n < 5; n++) {
    limited.err('boom', () => `made ${++made}`)
  }
  limited.debug('quiet', () => `made ${++made}`)
  expect([made, lines]).toEqual([2, ['sn0: made 1', 'sn0: made 2']])
})

test('a count that is not reported yet is reported once when the program ends', () => {
  for (let n = 0; n < 3; n++) {
    limited.info('ACK', 'ack')
  }
  log.flush()
  expect(lines.slice(2)).toEqual(['sn0: ACK: 1 similar line suppressed'])
  log.flush()
  clock.advance(20 * NSEC_PER_SEC)
  expect([lines.length, clock.armed]).toEqual([3, 0])
  for (let n = 0; n < 4; n++) {
    limited.info('ACK', 'ack')
  }
  clock.advance(10 * NSEC_PER_SEC)
  log.flush()
  expect(lines.slice(5)).toEqual(['sn0: ACK: 2 similar lines suppressed'])
})

test('a late suppression count is logged before the next line', () => {
  let now = 0
  const late = { now: () => now, alarm: () => ({ at: () => {}, cancel: () => {} }) }
  const limited = new LimitedLog(log, late, { lines: 1, seconds: 1 })
  for (let n = 0; n < 3; n++) {
    limited.info('ACK', 'ack')
  }
  now = NSEC_PER_SEC
  limited.info('ACK', 'later')
  log.flush()
  expect(lines).toEqual(['ack', 'ACK: 2 similar lines suppressed', 'later'])
})
