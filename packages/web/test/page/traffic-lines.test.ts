import { describe, expect, it } from 'vitest'
import type { DeviceCounters, FeedMessage } from '../../src/feed-types.ts'
import { History } from '../../src/page/traffic-history.ts'
import { PLOTS } from '../../src/page/traffic-lines.ts'

const START = 1_700_000_000_000

type Drops = DeviceCounters['drops']

function stats(second: number, drops: Drops, held = 0): FeedMessage {
  const counters = {
    txPackets: 10 * second,
    txBytes: 1000 * second,
    rxPackets: second,
    rxBytes: 500 * second,
  }
  return {
    type: 'stats',
    time: START + 1000 * second,
    devices: [{ id: 'a', ...counters, held, drops }],
  }
}

function wire(second: number, ...stages: object[]): FeedMessage {
  const none = {
    path: '',
    direction: 'ab',
    text: '',
    in: 0,
    out: 0,
    held: 0,
    dropped: 0,
    drops: {},
  }
  const rest = { duplicated: 0, corrupted: 0, reordered: 0, marked: 0 }
  const info = {
    text: { ab: '', ba: '' },
    stages: stages.map(stage => ({ ...none, ...rest, ...stage })),
  }
  return { type: 'wire', time: START + 1000 * second, id: 'a', wire: info as never }
}

/** The lines of the plot with this title prefix, each as its label and its values. */
function linesOf(title: string, messages: readonly FeedMessage[], from = 0) {
  const history = new History()
  for (const message of messages) {
    history.receive(message)
  }
  const plot = PLOTS.find(plot => plot.title(undefined).startsWith(title))!
  return plot.content(history, 'a', from)
}

const shown = (...args: Parameters<typeof linesOf>) =>
  linesOf(...args).lines.map(({ label, values }) => [label, values])
const none: Drops = { tx: {}, rx: {} }

describe('the plots', () => {
  it('the plots show bits and frames in both directions, also of an idle device', () => {
    const messages = [stats(0, none), stats(1, none)]
    expect(shown('Throughput', messages)).toEqual([
      ['tx', [null, 8000]],
      ['rx', [null, 4000]],
    ])
    expect(shown('Frames per', messages)).toEqual([
      ['tx', [null, 10]],
      ['rx', [null, 1]],
    ])
    expect(shown('Throughput', [])).toEqual([])
  })

  it('the plots show drops within the time by direction and reason, with one colour per reason', () => {
    const messages = [
      stats(0, none),
      stats(1, { tx: { NEIGH: 2, NOMEM: 1 }, rx: {} }),
      stats(2, { tx: { NEIGH: 2, NOMEM: 2 }, rx: { NOMEM: 4 } }),
    ]
    expect(shown('Dropped', messages)).toEqual([
      ['tx NEIGH', [null, 2, 1]],
      ['tx NOMEM', [null, 1, 1]],
      ['rx NOMEM', [null, 0, 2]],
    ])
    const later = [3, 4, 5].map(second =>
      stats(second, { tx: { NEIGH: 2, NOMEM: second }, rx: { NOMEM: 4 } }),
    )
    expect(shown('Dropped', [...messages, ...later], START / 1000 + 5)).toEqual([['tx NOMEM', [1]]])
    const [neigh, tx, rx] = linesOf('Dropped', messages).lines
    expect([tx.isDashed, rx.isDashed]).toEqual([false, true])
    expect([neigh.colour, tx.colour, rx.colour]).toEqual(['muted', 'drop', 'drop'])
  })

  it('the plots count the lines that they omit', () => {
    const reasons = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`R${i}`, 1]))
    const content = linesOf('Dropped', [stats(0, none), stats(1, { tx: reasons, rx: {} })])
    expect([content.lines.length, content.more]).toEqual([12, 8])
    expect(new Set(content.lines.map(({ colour }) => colour)).size).toBe(6)
  })

  it('the plots show the frames that a device holds, and the queues that had frames, by short names', () => {
    const parts = ['ring rx ring', 'queue tx 0', 'queue tx 1'].map((text, i) => {
      const [kind, ...name] = text.split(' ')
      return { kind, name: name.join(' '), length: 2 - i }
    })
    const messages = [
      stats(0, none),
      { type: 'parts', time: 0, id: 'a', parts } as never,
      stats(1, none, 5),
    ]
    expect(shown('Frames waiting', messages)).toEqual([
      ['held, in slots of the device', [0, 5]],
      ['rx ring', [null, 2]],
      ['queue tx 0', [null, 1]],
    ])
    const colours = linesOf('Frames waiting', messages).lines.map(({ colour }) => colour)
    expect(new Set(colours).size).toBe(3)
  })

  it('the lines of held frames have distinct styles, however many parts hold nothing', () => {
    const empty = Array.from({ length: 11 }, (_, i) => ({
      kind: 'queue',
      name: `tx ${i}`,
      length: 0,
    }))
    const parts = [...empty, { kind: 'ring', name: 'rx ring', length: 2 }]
    const messages = [
      stats(0, none),
      { type: 'parts', time: 0, id: 'a', parts } as never,
      stats(1, none, 5),
    ]
    const styles = linesOf('Frames waiting', messages).lines.map(
      ({ colour, isDashed }) => `${colour} ${isDashed}`,
    )
    expect([styles.length, new Set(styles).size]).toEqual([2, 2])
  })

  it('the plots show each stage’s effect on packets, and how late packets left', () => {
    const late = (...counts: [number, number][]) => ({ p50: 9, p99: 9, counts })
    const lates = [late(), late([0.001, 90], [2, 10])]
    const messages = [
      wire(
        0,
        { stage: 'loss', path: 'match then ' },
        { stage: 'delay', direction: 'ba', late: lates[0] },
      ),
      wire(
        1,
        { stage: 'loss', path: 'match then ', dropped: 3 },
        { stage: 'delay', direction: 'ba', late: lates[1] },
      ),
    ]
    expect(shown('Wire ab: packets', messages)).toEqual([['match then loss: dropped', [null, 3]]])
    expect([shown('Wire ba: packets', messages), shown('Wire ab: extra', messages)]).toEqual([
      [],
      [],
    ])
    const [p50, p99] = linesOf('Wire ba: extra', messages).lines
    expect([p50.label, p99.label]).toEqual(['delay: p50', 'delay: p99'])
    expect(p50.values[1]).toBeCloseTo(1e-6, 12)
    expect(p99.values[1]).toBeCloseTo(2e-3, 9)
    expect([p50.isDashed, p99.isDashed, p50.colour === p99.colour]).toEqual([false, true, true])
  })

  it('dropped packets are red, and the other lines of a wire have the colour of its direction', () => {
    const stages = (n: number) =>
      (['ab', 'ba'] as const).flatMap(direction => [
        { stage: 'delay', direction, reordered: n, late: { p50: 9, p99: 9, counts: [[1, n]] } },
        { stage: 'loss', direction, dropped: n },
        { stage: 'rate', direction, dropped: n, reordered: n },
      ])
    const messages = [wire(0, ...stages(0)), wire(1, ...stages(3))]
    const looks = (title: string) =>
      linesOf(title, messages).lines.map(
        ({ label, colour, isDashed }) => `${label} ${colour}${isDashed ? ' dashed' : ''}`,
      )
    const dropped = ['loss: dropped drop', 'rate: dropped drop dashed']
    expect(looks('Wire ab: packets')).toEqual([
      ...dropped,
      'delay: reordered tx',
      'rate: reordered warn',
    ])
    expect(looks('Wire ba: packets')).toEqual([
      ...dropped,
      'delay: reordered rx',
      'rate: reordered warn',
    ])
    expect(looks('Wire ab: extra')).toEqual(['delay: p50 tx', 'delay: p99 tx dashed'])
    expect(looks('Wire ba: extra')).toEqual(['delay: p50 rx', 'delay: p99 rx dashed'])
  })

  it('the plots have a value for each time', () => {
    const messages = [
      stats(0, none, 1),
      stats(1, none),
      stats(60, none),
      wire(60, { stage: 'loss', dropped: 1 }),
    ]
    for (const { title } of PLOTS) {
      const { times, lines } = linesOf(title(undefined), messages)
      for (const { values } of lines) {
        expect(values).toHaveLength(times.length)
      }
    }
  })
})
