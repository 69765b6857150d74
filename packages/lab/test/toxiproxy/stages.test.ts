/** What stages hold, the reading of pumps, and the texts of toxics on packets. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { random } from '#src/base/random.ts'
import { Pump } from '../../src/toxiproxy/pump.ts'
import { Stage } from '../../src/toxiproxy/stages.ts'
import type { Attributes } from '../../src/toxiproxy/toxic-kind.ts'
import { type Toxic, textOf, withFlags } from '../../src/toxiproxy/toxics.ts'
import { HOUR, withToxic } from '../support/toxiproxy.ts'

const toxicOf = (type: string, attributes: Attributes): Toxic => ({
  ...{ name: 'a', type, stream: 'upstream', toxicity: 1 },
  attributes,
})

/** A stage, and what has passed it: `end` is the end of the stream. */
function staged(type: string, attributes: Attributes) {
  const passed: string[] = []
  const output = {
    pass: (_: Stage, bytes?: Buffer) => void passed.push(bytes?.toString() ?? 'end'),
    end: vi.fn(),
  }
  const stage = new Stage(toxicOf(type, attributes), random(1), output)
  onTestFinished(() => stage.close())
  return { stage, passed, ended: output.end }
}

describe('a stage', () => {
  test.each([
    ['latency', { latency: HOUR }, []],
    ['bandwidth', { rate: 0 }, []],
    ['slow_close', { delay: HOUR }, ['bytes']],
    ['slicer', { average_size: 2, delay: 1e9 }, ['by']],
  ] as const)('%s %j holds what follows, until it is removed', (type, attributes, before) => {
    const { stage, passed } = staged(type, attributes)
    stage.push(Buffer.from('bytes'))
    stage.push(undefined)
    expect(passed).toEqual(before)
    stage.remove()
    expect(passed.join('')).toBe('bytesend')
  })

  test('reset_peer lets no bytes pass, and resets after its time', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const { stage, passed, ended } = staged('reset_peer', { timeout: 2 })
    stage.push(Buffer.from('bytes'))
    vi.advanceTimersByTime(1)
    expect(ended).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(ended.mock.calls).toEqual([[stage, 'reset']])
    expect(passed).toEqual([])
  })

  test('passes the bytes that its rules have changed in place', () => {
    withToxic({
      type: 'upper_case',
      attributes: {},
      stage: {
        judge(_, { bytes }) {
          bytes?.set(Buffer.from(bytes.toString().toUpperCase()))
          return { bytes: 3 }
        },
      },
    })
    const { stage, passed } = staged('upper_case', {})
    stage.push(Buffer.from('bytes'))
    stage.push(undefined)
    expect(passed).toEqual(['BYT', 'ES', 'end'])
  })

  test('counts the memory of small chunks, and none after its end', () => {
    const { stage } = staged('latency', { latency: HOUR })
    for (let i = 0; i < 1000; i++) {
      stage.push(Buffer.from('a'))
    }
    expect(stage.held).toBeGreaterThan(100_000)
    stage.close()
    expect(stage.held).toBe(0)
  })
})

test('a pump stops reading while its stages hold enough, and continues after their removal', () => {
  const streamOf = (more: object) => Object.assign(new EventEmitter(), more) as unknown as Socket
  let isReading = false
  const from = streamOf({
    pause() {
      isReading = false
    },
    resume() {
      isReading = true
    },
  })
  const pump = new Pump(from, streamOf({ writable: true, write: () => {} }), () => {})
  const send = (bytes: number) => {
    from.emit('data', Buffer.alloc(bytes))
    return isReading
  }
  pump.sync([toxicOf('latency', { latency: HOUR })], random(1))
  expect([send(500_000), send(600_000)]).toEqual([true, false])
  pump.sync([], random(1))
  expect(send(500_000)).toBe(true)
  pump.sync([toxicOf('bandwidth', { rate: 0 })], random(1))
  expect([send(100_000), send(100_000)]).toEqual([true, false])
  pump.close()
})

test.each([
  ['198.18.1.2', false, '-66'],
  ['198.18.1.2', true, '-42'],
  ['2001:db8::2', false, '-86'],
  ['2001:db8::2', true, '-62'],
])(
  'a bandwidth does not count the headers of packets to %s, UDP %s: %s',
  (address, isUdp, headers) => {
    const text = textOf(toxicOf('bandwidth', { rate: 1 }), { port: 7, address, isUdp })
    expect(text).toContain(`( rate 8kbit ${headers} burst 5 `)
  },
)

test('a flag is also what the command line of toxiproxy sends for it', () => {
  const flag = (data: unknown) => withFlags({ Data: data, nth: 1 }, { data: false, nth: 0 })
  for (const [sent, data] of [
    [true, true],
    [1, true],
    ['true', true],
    [0, false],
    ['false', false],
    ['yes', 'yes'],
  ]) {
    expect(flag(sent)).toEqual({ Data: data, nth: 1 })
  }
})

test('a drop takes one of first, nth and every', () => {
  const at = { port: 7, address: '198.18.1.2', isUdp: false }
  const text = (attributes: Attributes) =>
    textOf(
      toxicOf('drop', { filter: '', first: 0, nth: 0, every: 0, data: false, ...attributes }),
      at,
    )
  expect(text({ nth: 3 })).toContain('( drop  nth 3 )')
  expect(text({})).toContain('( drop  every 1 )')
  expect(text({ nth: 3, data: true })).toContain('( drop  nth 3 data )')
  expect(() => text({ first: 1, nth: 3 })).toThrow('drop takes one of first, nth and every, not 2')
})
