/** Where the dots of frames are, at times that the test chooses. */
import { describe, expect, test } from 'vitest'
import type { FlightRow, PartInfo, StageReport } from '../../src/feed-types.ts'
import { layout } from '../../src/page/driver-layout.ts'
import { modelOf } from '../../src/page/driver-model.ts'
import { Flights } from '../../src/page/flights.ts'
import { vnetRow } from '../support/web/devices.ts'

const counts = {
  in: 0,
  out: 0,
  held: 0,
  dropped: 0,
  duplicated: 0,
  corrupted: 0,
  reordered: 0,
  marked: 0,
}
const stage = (text: string, direction: 'ab' | 'ba'): StageReport => {
  return {
    stage: text.replace(/ .*/, ''),
    path: '',
    direction,
    text,
    holds: false,
    ...counts,
    drops: {},
  }
}
const parts: PartInfo[] = [
  { kind: 'queue', name: 'tx 0', length: 0, state: 'running' },
  { kind: 'buffers', name: 'tx buffers 0', length: 0, capacity: 64 },
  { kind: 'ring', name: 'rx ring', direction: 'rx', length: 0, capacity: 64 },
]
const pair = vnetRow('snull', '1//sn0', '1//sn1')
const wire = {
  time: 0,
  text: { ab: 'delay 1s | loss 5%', ba: 'delay 1s' },
  stages: [stage('delay 1s', 'ab'), stage('loss 5%', 'ab'), stage('delay 1s', 'ba')],
}
const model = modelOf({ device: pair.devices[0]!, vnets: [pair], parts, wire, peerParts: [] })
const drawing = layout(model, 1000)
const box = (id: string) => drawing.boxes.find(box => box.id === id)!

const row = (rest: Partial<FlightRow>): FlightRow => {
  return { packet: 1, time: 0, direction: 'tx', isFar: false, dropped: undefined, ...rest }
}

/** Flights with these rows. Dots are drawn 300 ms late, on a clock that is 5 s ahead. */
function flying(hasPeer: boolean, ...frames: FlightRow[]) {
  const flights = new Flights()
  flights.receive({ type: 'flights', time: 100, id: '1//sn0', frames }, hasPeer, 5100)
  return { flights, at: (time: number) => flights.at(5300 + time, drawing) }
}

describe('a frame', () => {
  test('waits in the wire as long as it really did, and then leaves the drawing', () => {
    const { flights, at } = flying(
      true,
      row({ time: 0 }),
      row({ time: 2000, direction: 'rx', isFar: true }),
    )
    const { x, width } = box('wire ab')
    expect(at(-1)).toEqual([])
    const [near] = drawing.arrows.filter(({ lane }) => lane === 'away')
    expect(at(0)[0]).toMatchObject({ x: near!.x1, y: near!.y1, lane: 'away', isWaiting: false })
    expect(at(500)[0]).toMatchObject({ x, isWaiting: true })
    for (const time of [1500, 2499]) {
      expect(at(time)[0]).toMatchObject({ isWaiting: true })
      expect(at(time)[0]!.x).toBeCloseTo(x + width - 6)
    }
    expect(at(2600)[0]).toMatchObject({ isWaiting: false })
    expect(at(2600)[0]!.x).toBeGreaterThan(x + width)
    expect([at(3001), flights.isEmpty]).toEqual([[], true])
  })

  test('does not move in a pause, and continues from the same place', () => {
    const { flights, at } = flying(true, row({ time: 0 }))
    const before = at(200)
    flights.pause(true, 5500)
    expect([at(300), at(90_000)]).toEqual([before, before])
    // A frame that is sent meanwhile starts with the others.
    const frames = [row({ packet: 2, time: 60_000 })]
    flights.receive({ type: 'flights', time: 60_100, id: '1//sn0', frames }, true, 65_100)
    flights.pause(false, 95_500)
    expect(at(90_200)).toEqual(before)
    const after = at(90_300)
    expect(after[0]!.x).toBeGreaterThan(before[0]!.x)
    expect(after).toHaveLength(1)
    expect(at(90_600)).toHaveLength(2)
  })

  test('waits after the frames that are before it in the wire', () => {
    const { at } = flying(true, row({ time: 0 }), row({ packet: 2, time: 100 }))
    const [first, second] = at(5000)
    expect(first!.x - second!.x).toBeCloseTo(12)
  })

  test('moves along the lower edge of boxes, past their texts', () => {
    const { at } = flying(true, row({ time: 0 }))
    const { x, y, width, height } = box('near tx')
    const all = Array.from({ length: 500 }, (_, i) => at(i)[0]!).filter(
      dot => dot.x > x + 4 && dot.x < x + width - 4,
    )
    expect(all.length).toBeGreaterThan(10)
    expect(all.filter(dot => Math.abs(dot.y - y - height) > 0.01)).toEqual([])
  })

  test('is lost at the wire that drops it, with the stage, and is forgotten later', () => {
    const dropped = { text: 'wire ab, stage 2 loss 5%', stage: { place: 2, text: 'loss 5%' } }
    const { at } = flying(true, row({ time: 0 }), row({ time: 1000, dropped }))
    const { x, y, height } = box('wire ab')
    expect(at(1499)[0]).toMatchObject({ isWaiting: true })
    expect(at(1500)[0]).toMatchObject({
      x: x + 12,
      y: y + height,
      reason: 'loss 5%',
      isHarmless: false,
    })
    expect(at(4501)).toEqual([])
  })

  test('is one dot with the other frames that are lost at the same place, and has the number of each reason', () => {
    const lost = (packet: number, text: string) => row({ packet, time: 0, dropped: { text } })
    const { at } = flying(true, lost(1, 'NOMEM'), lost(2, 'NOMEM'), lost(3, 'FULL_RING'))
    expect(at(600).map(({ reason }) => reason)).toEqual(['2 × NOMEM, FULL_RING'])
  })

  test('is lost at the wire, too, if its stage was removed', () => {
    const dropped = { text: 'wire ab, former stage loss 5%', stage: { place: 0, text: 'loss 5%' } }
    const { at } = flying(true, row({ time: 0 }), row({ time: 1000, dropped }))
    const { x, y, height } = box('wire ab')
    expect(at(1500)[0]).toMatchObject({ x: x + 12, y: y + height, reason: 'loss 5%' })
  })

  test('is lost at the transmitter that drops it; neighbour discovery is harmless', () => {
    const { at } = flying(true, row({ time: 0 }), row({ time: 0, dropped: { text: 'NEIGH' } }))
    const { x } = box('near tx')
    expect(at(499)[0]!.reason).toBeUndefined()
    expect(at(500)[0]).toMatchObject({ x: x + 12, reason: 'NEIGH', isHarmless: true })
  })

  test('is lost at the receiver that drops it, after the wire', () => {
    const rows = [
      row({ isFar: true }),
      row({ time: 1000, direction: 'rx', dropped: { text: 'NOMEM' } }),
    ]
    const { at } = flying(true, ...rows)
    const { x } = box('near rx')
    expect(at(1499)[0]).toMatchObject({ lane: 'toward', isWaiting: true })
    expect(at(2000)[0]).toMatchObject({ x: x + 12, reason: 'NOMEM', isHarmless: false })
  })

  test('passes the wire without a wait if its other end is not captured', () => {
    const { at } = flying(false, row({ time: 0 }), row({ packet: 9, time: 0, direction: 'rx' }))
    const dots = at(600)
    expect(dots.map(({ lane, isWaiting }) => [lane, isWaiting])).toEqual([
      ['away', false],
      ['toward', false],
    ])
    expect(at(1001)).toEqual([])
  })

  test('that waits when a capture starts is forgotten, because it may have arrived unseen', () => {
    const { flights, at } = flying(
      true,
      row({ time: 0 }),
      row({ packet: 2, time: 0, dropped: { text: 'NOMEM' } }),
    )
    flights.receive(
      { type: 'flights', time: 600, id: '1//sn0', frames: [], isStart: true },
      true,
      5600,
    )
    expect(at(600).map(({ lane, reason }) => [lane, reason])).toEqual([['away', 'NOMEM']])
  })

  test('that the wire doubled arrives twice', () => {
    const arrival = row({ time: 10, direction: 'rx', isFar: true })
    const { at } = flying(true, row({ time: 0 }), arrival, arrival)
    expect(at(600)).toHaveLength(2)
  })
})

test('of many frames the latest 60 are drawn', () => {
  const { at } = flying(true, ...Array.from({ length: 100 }, (_, packet) => row({ packet })))
  const keys = at(100).map(({ key }) => key)
  expect([keys.length, keys[0]]).toEqual([60, 'away 40'])
})
