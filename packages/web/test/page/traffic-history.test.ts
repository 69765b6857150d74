import { describe, expect, it } from 'vitest'
import type { DeviceCounters, FeedMessage } from '../../src/feed-types.ts'
import { History, named } from '../../src/page/traffic-history.ts'

const START = 1_700_000_000_000
type Stage = NonNullable<Extract<FeedMessage, { type: 'wire' }>['wire']>['stages'][number]

function counters(id: string, more: Partial<DeviceCounters> = {}): DeviceCounters {
  const none = {
    txPackets: 0,
    txBytes: 0,
    rxPackets: 0,
    rxBytes: 0,
    held: 0,
    drops: { tx: {}, rx: {} },
  }
  return { id, ...none, ...more }
}

function stats(second: number, ...devices: DeviceCounters[]): FeedMessage {
  return { type: 'stats', time: START + 1000 * second, devices }
}

function stage(more: Partial<Stage>): Stage {
  const none = {
    in: 0,
    out: 0,
    held: 0,
    dropped: 0,
    drops: {},
    duplicated: 0,
    corrupted: 0,
    reordered: 0,
    marked: 0,
  }
  return { stage: 'loss', path: '', direction: 'ab', text: '', holds: false, ...none, ...more }
}

const wire = (second: number, id: string, ...stages: Stage[]): FeedMessage => {
  return {
    type: 'wire',
    time: START + 1000 * second,
    id,
    wire: { time: 0, text: { ab: '', ba: '' }, stages },
  }
}

/** Frames in these parts, by kind and name. */
const parts = (
  ...list: (readonly [kind: string, name: string, length?: number])[]
): FeedMessage => {
  return {
    type: 'parts',
    time: START,
    id: 'a',
    parts: list.map(([kind, name, length]) => ({ kind, name, length })),
  } as never
}

describe('history of all devices', () => {
  it('history keeps bits, frames, drops by direction and reason, and held frames of each device', () => {
    const history = new History()
    history.receive(stats(0, counters('a'), counters('b')))
    const drops = { tx: { NEIGH: 2 }, rx: { NOMEM: 3 } }
    const grown = { txPackets: 10, txBytes: 1000, rxPackets: 20, rxBytes: 5000, held: 4, drops }
    history.receive(stats(1, counters('a', grown), counters('b')))
    const samples = history.device('a')!
    expect(samples.rateKeys()).toEqual([
      'tx bits',
      'rx bits',
      'tx frames',
      'rx frames',
      'tx NEIGH',
      'rx NOMEM',
    ])
    const last = samples.rateKeys().map(key => samples.rate(key, 0)[1])
    expect(last).toEqual([8000, 40000, 10, 20, 2, 3])
    expect(samples.level('held', 0)).toEqual([0, 4])
    expect(history.device('b')!.rate('tx bits', 0)).toEqual([null, 0])
  })

  it('history continues with the samples of a device that comes back, after a gap', () => {
    const history = new History()
    history.receive(stats(0, counters('a', { txPackets: 5 })))
    history.receive(stats(1, counters('a', { txPackets: 9 })))
    for (let i = 2; i < 60; i++) {
      history.receive(stats(i, counters('b')))
    }
    history.receive(stats(60, counters('a', { txPackets: 100 })))
    history.receive(stats(61, counters('a', { txPackets: 103 })))
    expect(history.device('a')!.rate('tx frames', 0)).toEqual([null, 4, null, null, 3])
  })

  it('history forgets a device that was missing for ten minutes', () => {
    const history = new History()
    history.receive(stats(0, counters('a'), counters('b')))
    for (let i = 1; i <= 600; i++) {
      history.receive(stats(i, counters('b')))
    }
    expect(history.device('a')).toBeDefined()
    history.receive(stats(601, counters('b')))
    expect(history.device('a')).toBeUndefined()
    expect(history.size).toBe(1)
  })

  it('history keeps at most 1000 devices, the most recent ones', () => {
    const history = new History()
    const ten = (i: number) => Array.from({ length: 10 }, (_, n) => counters(`d${10 * i + n}`))
    for (let i = 0; i < 101; i++) {
      history.receive(stats(i, ...ten(i)))
    }
    expect(history.size).toBe(1000)
    expect(history.device('d9')).toBeUndefined()
    expect(history.device('d10')).toBeDefined()
  })
})

describe('history of a wire', () => {
  it('wire history keeps each stage’s effect on packets, its held packets, and its lateness in seconds', () => {
    const history = new History()
    const delay = { stage: 'delay', direction: 'ba', path: 'match then ' }
    const late = (...counts: [number, number][]) => ({ late: { p50: 9, p99: 9, counts } })
    history.receive(wire(0, 'a', stage({}), stage({ ...delay, ...late([1, 1000]) })))
    const changed = { ...delay, held: 7, ...late([0.002, 90], [1, 1000], [5, 10]) }
    history.receive(wire(1, 'a', stage({ dropped: 3, duplicated: 1 }), stage(changed)))
    const samples = history.wire('a')!
    expect(samples.rate('dropped ab loss', 0)).toEqual([null, 3])
    expect(samples.rate('duplicated ab loss', 0)).toEqual([null, 1])
    expect(samples.level('p50 ba match then delay', 0)[1]).toBeCloseTo(2e-6, 12)
    expect(samples.level('p99 ba match then delay', 0)[1]).toBeCloseTo(5e-3, 9)
    expect(samples.levelKeys()).not.toContain('p50 ab loss')
  })

  it('the lateness of an interval without packets is unknown, and that of a new stage is of all its packets', () => {
    const history = new History()
    const all = [[[1, 5]], [[1, 5]], [[2, 3]]] as const
    for (const [time, counts] of all.entries()) {
      history.receive(wire(time, 'a', stage({ stage: 'delay', late: { p50: 9, p99: 9, counts } })))
    }
    expect(history.wire('a')!.level('p99 ab delay', 0)).toEqual([
      null,
      null,
      expect.closeTo(0.002, 9),
    ])
  })

  it('wire history is kept for the 16 devices that were viewed last', () => {
    const history = new History()
    for (let i = 0; i < 17; i++) {
      history.receive(wire(i, `d${i}`, stage({})))
    }
    expect(history.wire('d0')).toBeUndefined()
    expect(history.wire('d1')).toBeDefined()
  })
})

describe('history of queues', () => {
  it('queue history has the maximum length of each queue since the previous statistics', () => {
    const history = new History()
    history.receive(stats(0, counters('a')))
    for (const length of [3, 9, 4]) {
      history.receive(parts(['queue', 'tx 0', length]))
    }
    history.receive(stats(1, counters('a', { held: 5 })))
    history.receive(parts(['queue', 'tx 0', 1]))
    history.receive(stats(2, counters('a')))
    const samples = history.device('a')!
    expect(samples.level('queue tx 0', 0)).toEqual([null, 9, 1])
    expect(samples.level('held', 0)).toEqual([0, 5, 0])
  })

  it('a queue or stage without a message in an interval keeps its length for that interval only', () => {
    const history = new History()
    history.receive(wire(0, 'a', stage({ stage: 'delay', held: 7 })))
    history.receive(parts(['ring', 'rx ring', 2]))
    for (const second of [1, 2, 3]) {
      history.receive(stats(second, counters('a')))
    }
    const samples = history.device('a')!
    expect(samples.level('wire ab delay', 0)).toEqual([7, 7, null])
    expect(samples.level('ring rx ring', 0)).toEqual([2, 2, null])
  })

  it('queue history omits parts without a length, and the frame memory, which is the device’s held count', () => {
    const history = new History()
    history.receive(parts(['irq', 'irq 0'], ['pool', 'frames', 9]))
    history.receive(stats(0, counters('a')))
    expect(history.device('a')!.levelKeys()).toEqual(['held'])
  })
})

it('removed stages that hold packets have names of their own beside new ones of the same kind', () => {
  const [now, before, first] = [
    stage({ stage: 'delay', held: 1 }),
    stage({ stage: 'delay', held: 2 }),
    stage({ stage: 'delay', held: 3 }),
  ]
  const message = named(
    wire(
      0,
      'a',
      now,
      stage({ stage: 'loss 2' }),
      before,
      first,
      stage({ stage: 'delay', direction: 'ba' }),
    ),
  )
  const names = message.type === 'wire' ? message.wire?.stages.map(({ stage }) => stage) : []
  expect(names).toEqual(['delay', 'loss 2', 'delay removed', 'delay removed 2', 'delay'])
  const history = new History()
  history.receive(message)
  history.receive(stats(1, counters('a')))
  const samples = history.device('a')!
  const held = samples.levelKeys().map(key => [key, samples.level(key, 0)[0]])
  expect(held).toContainEqual(['wire ab delay', 1])
  expect(held).toContainEqual(['wire ab delay removed 2', 3])
})
