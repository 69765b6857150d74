import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { policer } from '#src/wire/stages/policer.ts'
import { plainFrame, testWires } from '#support/wire.ts'

const makeWire = testWires()
const MS = NSEC_PER_MSEC

test('a policer drops exactly the packets that find too few tokens, and delays none', () => {
  const wire = makeWire([policer('8mbit', 4000)], { log: true })
  const draws = random(5)
  const expected: number[] = []
  // 8 Mbit/s is a byte per microsecond.
  let tokens = 4000
  for (let id = 1; id <= 500; id++) {
    const length = 60 + draws.below(1400)
    if (length <= tokens) {
      tokens -= length
    } else {
      expected.push(id)
    }
    wire.sendFrame(plainFrame(length))
    const gap = draws.below(1000)
    wire.advance(gap * 1000)
    tokens = Math.min(4000, tokens + gap)
  }
  const drops = wire.decisions.filter(({ verdict }) => verdict === 'drop')
  expect(drops.map(({ id }) => id)).toEqual(expected)
  expect(drops.length).toBeGreaterThan(50)
  expect(wire.chain.report()[0]).toMatchObject({ held: 0, drops: { policer: drops.length } })
})

test('a policer that is changed keeps its tokens, up to the new burst', () => {
  const wire = makeWire([policer('8kbit', 3000)])
  wire.chain.set([policer('8kbit', 2000)])
  wire.sendFrame(plainFrame(1500))
  wire.sendFrame(plainFrame(1500))
  wire.advance(1000 * MS)
  wire.sendFrame(plainFrame(1500))
  expect(wire.chain.report()[0]).toMatchObject({ out: 2, dropped: 1 })
})

test('a policer prints its spec, and refuses a rate of 0', () => {
  expect(policer('10mbit', '15kb').text).toBe('policer 10mbit burst 15kb')
  expect(() => policer('1mbit', 59)).toThrow('policer: a burst of 59 bytes passes no frame')
  expect(() => policer(0, 1)).toThrow('policer 0: it must be more than 0 and finite')
})
