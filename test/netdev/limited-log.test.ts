import { beforeEach, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '../../src/netdev/clock.ts'
import { LimitedLog } from '../../src/netdev/limited-log.ts'
import { LOGLEVEL_INFO, Log } from '../../src/netdev/log.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'

let clock: FakeClock
let lines: string[]
let limited: LimitedLog
beforeEach(() => {
  clock = new FakeClock()
  lines = []
  limited = new LimitedLog(new Log(LOGLEVEL_INFO, (_, text) => lines.push(text)), clock, { lines: 2, seconds: 10 })
})

test('lines beyond the limit are counted, and reported once when the time is over', () => {
  for (let n = 1; n <= 20_000; n++) limited.info('ACK', `line ${n}`)
  expect(lines).toEqual(['line 1', 'line 2'])
  clock.advance(10 * NSEC_PER_SEC)
  expect(lines).toEqual(['line 1', 'line 2', 'ACK: and 19998 more in 10 s'])
  limited.info('ACK', 'later')
  expect(lines.at(-1)).toBe('later')
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
  for (let n = 0; n < 5; n++) limited.info('ACK', 'ack')
  limited.warn('NAK', 'nak')
  expect(lines).toEqual(['ack', 'ack', 'nak'])
})

test('the text of a line that is not written is not built', () => {
  let made = 0
  for (let n = 0; n < 5; n++) limited.err('boom', () => `made ${++made}`)
  limited.debug('quiet', () => `made ${++made}`)
  expect([made, lines]).toEqual([2, ['made 1', 'made 2']])
})
