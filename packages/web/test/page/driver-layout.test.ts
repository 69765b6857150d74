/** The drawing of a driver: what is in it, and that nothing lies over something else. */
import { describe, expect, test } from 'vitest'
import type { PartInfo, WireInfo } from '../../src/feed-types.ts'
import { type Drawing, type DriverBox, layout } from '../../src/page/driver-layout.ts'
import { type Model, modelOf, peerOf } from '../../src/page/driver-model.ts'
import { CHARACTER, FOLD_ABOVE, labelLines } from '../../src/page/driver-text.ts'
import { vnetRow } from '../support/web/devices.ts'

const times = (count: number, part: PartInfo): PartInfo[] =>
  Array.from({ length: count }, (_, i) => ({ ...part, name: `${part.name} ${i}` }))
const queues = (count: number) =>
  times(count, { kind: 'queue', name: 'tx', length: 0, state: 'running' })
const pool: PartInfo = { kind: 'pool', name: 'frames', length: 0, capacity: 512 }
const snull: readonly PartInfo[] = [
  ...queues(1),
  { kind: 'buffers', name: 'tx buffers 0', length: 0, capacity: 64 },
  { kind: 'ring', name: 'rx ring', direction: 'rx', length: 0, capacity: 256 },
  { kind: 'irq', name: 'irq 0', state: 'idle', count: 0 },
  { kind: 'napi', name: 'napi 0', state: 'idle', count: 0 },
  pool,
]
const board = (count: number): PartInfo[] => [
  ...queues(count),
  ...times(count, { kind: 'ring', name: 'tx ring', length: 0, capacity: 64 }),
  ...times(count, { kind: 'ring', name: 'rx ring', direction: 'rx', length: 0, capacity: 64 }),
  ...times(count, { kind: 'irq', name: 'irq', state: 'idle', count: 0 }),
  pool,
]
const counts = {
  in: 0,
  out: 0,
  held: 0,
  dropped: 0,
  duplicated: 0,
  corrupted: 0,
  reordered: 0,
  marked: 0,
  drops: {},
}
const stage = (direction: string, name: string) => {
  return { stage: name, path: '', direction, text: `${name} 1`, holds: false, ...counts }
}
const wire: WireInfo = {
  time: 0,
  text: { ab: 'delay 1ms loss 1%', ba: '' },
  stages: [stage('ab', 'loss'), stage('ab', 'delay')],
}

function model(
  driver: string,
  parts: readonly PartInfo[],
  rest: { wire?: WireInfo; at?: number; peer?: boolean } = {},
) {
  const vnets = [
    driver === 'snull' || driver === 'cable'
      ? vnetRow(driver, '1//a', '1//b')
      : vnetRow(driver, '1//a'),
  ]
  const device = vnets[0].devices[rest.at ?? 0]
  return modelOf({
    device,
    vnets,
    parts,
    wire: rest.wire,
    peerParts: rest.peer === true ? parts : [],
  })
}

const models: Record<string, Model> = {
  loop: model('loop', [...queues(1), pool]),
  'loop of 256 queues': model('loop', [...queues(256), pool]),
  snull: model('snull', snull, { wire, peer: true }),
  'snull without the parts of its peer': model('snull', snull, { wire }),
  cable: model('cable', [...queues(1), pool], { wire, peer: true }),
  'a port of a lan': model('lan', [...queues(1), pool], { wire }),
  'a driver with 8 queues': model('mine', board(8)),
  'a driver with 256 queues': model('mine', board(256)),
  'a driver without any part': model('mine', []),
}
const widths = [358, 600, 736, 1000, 1152, 1600]

const groups = (columns: Model['columns']) =>
  columns.map(({ owner, away, toward }) => [owner, away?.title, toward?.title] as const)
const isInside = (inner: DriverBox, outer: Omit<DriverBox, 'kind' | 'id'>) =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height
const overlaps = (a: DriverBox, b: DriverBox) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
const ofKind = ({ boxes }: Drawing, ...kinds: DriverBox['kind'][]) =>
  boxes.filter(({ kind }) => kinds.includes(kind))

describe('the parts of a device', () => {
  test('a device’s parts lie on the path from the kernel to the far end and back', () => {
    expect(groups(models.snull.columns)).toEqual([
      ['near', 'transmit queues', 'interrupts, polls'],
      ['near', 'transmitter', 'receiver'],
      ['wire', 'wire ab', 'wire ba'],
      ['far', 'receiver', 'transmitter'],
      ['far', 'interrupts, polls', 'transmit queues'],
    ])
  })

  test('a simple driver has few parts', () => {
    expect(groups(models.loop.columns)).toEqual([['near', 'transmit queues', undefined]])
    expect(models['a driver without any part'].columns).toEqual([])
  })

  test('a driver’s part lies on the path of its direction, whatever its name', () => {
    const of = (name: string, direction: 'tx' | 'rx'): PartInfo => ({
      kind: 'ring',
      name,
      direction,
      length: 0,
    })
    const { columns } = model('mine', [of('rx mirror', 'tx'), of('main', 'rx')])
    expect(columns.map(({ away, toward }) => [away?.items[0]?.id, toward?.items[0]?.id])).toEqual([
      ['near tx ring rx mirror', 'near rx ring main'],
    ])
  })

  test('the direction that a device transmits is on its outgoing path', () => {
    const { columns } = model('cable', queues(1), { wire: { ...wire, outgoing: 'ba' }, at: 1 })
    expect(groups(columns).at(-1)).toEqual(['wire', 'wire ba', 'wire ab'])
  })

  test('the drawing shows each stage of a wire, or a direct connection without stages', () => {
    const { away, toward } = models.cable.columns[1]
    expect(away?.items.map(({ id }) => id)).toEqual(['wire ab loss', 'wire ab delay'])
    expect(toward?.items.map(({ kind }) => kind)).toEqual(['direct'])
  })

  test(`parts are folded into one item above ${FOLD_ABOVE} of a kind`, () => {
    const [first, second] = models['a driver with 256 queues'].columns
    expect(first.away?.items).toMatchObject([
      { kind: 'fold', name: 'tx 0 to 255' },
      { kind: 'part' },
    ])
    expect(second.toward?.items).toMatchObject([{ kind: 'fold', name: 'rx ring 0 to 255' }])
    const eight = models['a driver with 8 queues'].columns[0].away?.items
    expect(eight?.map(({ kind }) => kind)).toEqual(Array(9).fill('part'))
  })

  test('parts have ids of their own', () => {
    for (const { columns } of Object.values(models)) {
      const ids = columns
        .flatMap(({ away, toward }) => [...(away?.items ?? []), ...(toward?.items ?? [])])
        .map(item => item.id)
      expect(new Set(ids).size).toBe(ids.length)
    }
  })
})

test('a device has the peer that its row names', () => {
  const ofThree = vnetRow('snull', '1//a', '1//b', '1//c')
  expect(peerOf(ofThree.devices[0], [ofThree])).toBeUndefined()
  const loops = vnetRow('loop', '1//a', '1//b')
  expect(peerOf(loops.devices[0], [loops])).toBeUndefined()
  const pair = vnetRow('cable', '1//a', '1//b')
  expect(peerOf(pair.devices[0], [pair])?.id).toBe('1//b')
})

describe.each(Object.entries(models))('the drawing of %s', (_, model) => {
  test.each(widths)('a drawing has no overlaps, and nothing outside, at %d px', width => {
    const drawing = layout(model, width)
    expect(drawing.width).toBeLessThanOrEqual(width)
    for (const box of drawing.boxes) {
      expect(isInside(box, { x: 0, y: 0, ...drawing })).toBe(true)
    }
    for (const kinds of [
      ['near', 'far', 'group'],
      ['item'],
      ['near frame', 'far frame'],
    ] as const) {
      const boxes = ofKind(drawing, ...kinds)
      for (const [i, a] of boxes.entries()) {
        for (const b of boxes.slice(i + 1)) {
          expect(overlaps(a, b)).toBe(false)
        }
      }
    }
    for (const item of ofKind(drawing, 'item')) {
      expect(ofKind(drawing, 'group').filter(group => isInside(item, group))).toHaveLength(1)
    }
  })

  test.each(widths)(
    'a drawing leads from the kernel through all groups to the far end and back at %d px',
    width => {
      const drawing = layout(model, width)
      const nodes = ofKind(drawing, 'near', 'far', 'group')
      const isOnEdge = (a: number, start: number, length: number) =>
        a === start || a === start + length
      const at = (x: number, y: number) =>
        nodes
          .filter(box => isInside({ ...box, x, y, width: 0, height: 0 }, box))
          .find(box => {
            return drawing.isVertical
              ? isOnEdge(y, box.y, box.height)
              : isOnEdge(x, box.x, box.width)
          })?.id
      for (const lane of ['away', 'toward'] as const) {
        const arrows = drawing.arrows.filter(arrow => arrow.lane === lane)
        const way = arrows.map(({ x1, y1, x2, y2 }) =>
          lane === 'away' ? [at(x1, y1), at(x2, y2)] : [at(x2, y2), at(x1, y1)],
        )
        for (const { x1, y1, x2, y2 } of arrows) {
          const middle = { x: (x1 + x2) / 2, y: (y1 + y2) / 2, width: 0, height: 0 }
          expect(nodes.filter(box => isInside({ ...box, ...middle }, box))).toEqual([])
        }
        const groups = nodes
          .filter(box => box.kind === 'group' && box.lane === lane)
          .map(({ id }) => id)
        const stations = ['near', ...groups, 'far']
        expect(way).toEqual(stations.slice(1).map((station, i) => [stations[i], station]))
      }
    },
  )
})

describe('the drawing', () => {
  const hasFar = (width: number) =>
    layout(models.snull, width).boxes.some(({ kind }) => kind === 'far frame')

  test('the drawing is vertical on a phone, and has the parts of the peer there', () => {
    expect(layout(models.snull, 358).isVertical).toBe(true)
    expect(hasFar(358)).toBe(true)
  })

  test('the drawing omits the peer’s parts where only the device’s parts fit side by side', () => {
    expect([layout(models.snull, 900).isVertical, hasFar(900)]).toEqual([false, false])
    expect([layout(models.snull, 1000).isVertical, hasFar(1000)]).toEqual([false, false])
    expect([layout(models.snull, 1152).isVertical, hasFar(1152)]).toEqual([false, true])
  })

  test('the drawing has the device’s cable on the arrows into and out of its wire', () => {
    const cables = layout(models.snull, 1152).arrows.filter(
      ({ isCable, side }) => isCable && side === 'near',
    )
    expect(cables.map(({ lane }) => lane)).toEqual(['away', 'toward'])
    const direct = layout(models.loop, 1152).arrows.filter(({ isCable }) => isCable)
    expect(direct.map(({ touches, lane }) => [touches, lane])).toEqual([
      ['far', 'away'],
      ['near', 'toward'],
    ])
  })
})

describe('the ends of a drawing', () => {
  const pair = (...ids: readonly string[]) => {
    const vnets = [vnetRow('cable', ...ids)]
    const parts = [...queues(1), pool]
    return modelOf({ device: vnets[0].devices[0], vnets, parts, wire, peerParts: parts })
  }
  const endsOf = (drawing: Drawing) => ofKind(drawing, 'near', 'far').map(({ width }) => width)
  const long = pair('1/a-namespace-of-27-characters/longname1234567', '1//b')

  test('the ends of a drawing have the namespace and the name of a device', () => {
    expect(labelLines(long.device)).toEqual(['a-namespace-of-27-characters', 'longname1234567'])
    expect(labelLines(long.peer!)).toEqual(['b'])
  })

  test('the ends of a drawing hold the longest interface name where there is room', () => {
    for (const width of endsOf(layout(long, 1000))) {
      expect(width).toBeGreaterThan('longname1234567'.length * CHARACTER)
    }
    expect(Math.max(...endsOf(layout(long, 1600)))).toBeLessThan(
      'a-namespace-of-27-characters'.length * CHARACTER,
    )
  })

  test('the ends of a drawing take no room from the columns, however long their names are', () => {
    const short = pair('1//a', '1//b')
    for (const width of widths) {
      const count = (model: Model) => ofKind(layout(model, width), 'group').length
      expect(count(long)).toBe(count(short))
      expect(layout(long, width).isVertical).toBe(layout(short, width).isVertical)
    }
    expect(new Set(widths.map(width => layout(long, width).isVertical))).toEqual(
      new Set([true, false]),
    )
  })
})
