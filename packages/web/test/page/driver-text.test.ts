/** Texts about the parts in the drawing of a driver. */
import { describe, expect, test } from 'vitest'
import { parseWire } from '#src/wire/parse.ts'
import { testWires } from '#support/wire.ts'
import type { PartInfo } from '../../src/feed-types.ts'
import {
  clip,
  describeFold,
  describePart,
  describeStage,
  flowWidth,
  MOST_CELLS,
  stateOf,
} from '../../src/page/driver-text.ts'
import { deviceRow } from '../support/web/devices.ts'

const wireOf = testWires()

describe('a part', () => {
  test('a part shows how full it is, and warns when it is nearly full', () => {
    const ring = (length: number, capacity = 64) =>
      describePart({ kind: 'ring', name: 'rx ring', length, capacity }, 0)
    expect(ring(0)).toMatchObject({ note: '0/64', cells: MOST_CELLS, filled: 0, tone: 'plain' })
    expect(ring(1)).toMatchObject({ filled: 1, tone: 'plain' })
    expect(ring(60)).toMatchObject({ note: '60/64', filled: 30, tone: 'warn' })
    expect(ring(64)).toMatchObject({ filled: MOST_CELLS, tone: 'drop' })
    expect(ring(3, 4)).toMatchObject({ cells: 4, filled: 3 })
    expect(ring(9, 0)).toMatchObject({ cells: 0, filled: 0 })
  })

  test('a part warns of a stopped queue and of masked interrupts', () => {
    const queue = (state: string) =>
      describePart({ kind: 'queue', name: 'tx 0', length: 3, state }, 0)
    expect(queue('running')).toMatchObject({
      value: 'running',
      note: 'holds 3',
      filled: 3,
      tone: 'ok',
    })
    expect(queue('stopped').tone).toBe('warn')
    const irq = describePart({ kind: 'irq', name: 'irq 0', state: 'masked 0x1', count: 5 }, 12)
    expect(irq).toMatchObject({
      value: '12/s',
      note: 'masked 0x1',
      tone: 'warn',
      title: 'irq 0, 12/s, masked 0x1',
    })
  })

  test('a part shows the count of interrupts until their rate is known', () => {
    expect(
      describePart({ kind: 'irq', name: 'irq 0', state: 'idle', count: 5 }, undefined).value,
    ).toBe('5')
  })

  test('a part of an unknown kind has its name and length', () => {
    expect(describePart({ kind: 'part-kind 9', name: 'fifo', length: 2 }, 0)).toMatchObject({
      name: 'fifo',
      note: '2',
    })
  })
})

test('many queues show how many are stopped, and how many frames they hold', () => {
  const parts = Array.from({ length: 256 }, (_, i): PartInfo => {
    return { kind: 'queue', name: `tx ${i}`, length: i % 2, state: i < 3 ? 'stopped' : 'running' }
  })
  const { title, note, tone } = describeFold('tx 0 to 255', parts)
  expect([note, tone]).toEqual(['128 held, 3 stopped', 'warn'])
  const marked =
    'tx 0, stopped, holds no frame\ntx 1, stopped, holds 1\ntx 2, stopped, holds no frame'
  expect(title).toBe(`tx 0 to 255, 128 held, 3 stopped\n${marked}`)
})

test('a stage shows its packets in flight, and in its title all its counters', () => {
  const counts = {
    in: 12,
    out: 8,
    held: 2,
    dropped: 2,
    duplicated: 0,
    corrupted: 1,
    reordered: 0,
    marked: 0,
  }
  const rest = { direction: 'ab', holds: false, drops: { LOSS: 2 } }
  const stage = { stage: 'loss', path: 'match then ', text: 'loss 1%', ...counts, ...rest }
  const { name, value, note, title } = describeStage(stage)
  expect([name, value, note]).toEqual(['loss 1%', '−2', '2 in flight'])
  expect(title).toBe('match then loss 1%\n2 in flight\n12 in\n8 out\n1 corrupted\n2 dropped: LOSS')
})

test('only a stage that can hold packets says that it holds none', () => {
  const { chain } = wireOf(
    parseWire('delay 1ms rate 1mbit | hold | lte | drop nth 2 | loss 2% | loss 1% | duplicate 1%'),
  )
  const notes = chain.report().map(stage => [stage.stage, describeStage(stage).note])
  const none = 'none in flight'
  expect(Object.fromEntries(notes)).toEqual({
    ...{ delay: none, rate: none, hold: none, lte: none },
    ...{ fault: '', loss: '', 'loss 2': '', duplicate: '' },
  })
})

test('a device is down, cut, without a carrier or with it', () => {
  const states = [
    { isUp: false, isCut: true },
    { isCut: true, carrier: false },
    { carrier: false },
    {},
  ]
  const texts = states.map(state => stateOf(deviceRow('1//sn0', state)).text)
  expect(texts).toEqual(['down', 'cable cut', 'no carrier', 'carrier'])
})

test('the width of a line grows with each power of ten, and is 0 without frames', () => {
  expect([0, 11, 100, 1000, 1e6, 1e30].map(flowWidth)).toEqual([0, 3, 5, 7, 13, 15])
})

test('a text that is too long ends with an ellipsis', () => {
  expect([clip('tx 0', 100), clip('delay 20ms 5ms', 79), clip('x'.repeat(9), 1)]).toEqual([
    'tx 0',
    'delay 20m…',
    '…',
  ])
})
