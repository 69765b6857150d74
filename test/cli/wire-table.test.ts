/** The output of `vnet wire` and of the stages at the end of a run, from counts to text. */
import { expect, test } from 'vitest'
import { eventLine } from '#src/cli/commands/events.ts'
import { wireTable } from '#src/cli/commands/wire.ts'
import { jsonOutput, textOutput } from '#src/cli/output.ts'
import { stageLines, Wires } from '#src/cli/statistics.ts'
import type { StageReport, WireInfo } from '#src/control/index.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { addDevice, addDriver, memoryNets, numbered } from '#support/memory-net.ts'

const memoryNet = memoryNets()

function stage(fields: Partial<StageReport>): StageReport {
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
  return {
    stage: 'loss',
    path: '',
    direction: 'ab',
    text: '',
    holds: false,
    drops: {},
    ...counts,
    ...fields,
  }
}

const wire: WireInfo = {
  time: 10_000,
  text: { ab: 'loss 10% | delay 5ms', ba: '' },
  stages: [
    stage({ in: 100, out: 90, dropped: 10, drops: { loss: 7, limit: 3 } }),
    stage({
      stage: 'delay',
      in: 90,
      out: 88,
      held: 2,
      reordered: 4,
      late: { p50: 0.041, p99: 0.180_499, counts: [] },
    }),
  ],
}

test('a wire has a line for each direction, a row for each stage, and a line for the drops of a stage', () => {
  expect(wireTable('red/a', wire)).toBe(`\
red/a ab: loss 10% | delay 5ms
red/a ba: off
             in  out  held  dropped  reordered  late p50  late p99
  ab loss   100   90     0       10          0         -         -
  ab delay   90   88     2        0          4      41us     180us
  ab loss dropped: loss 7, limit 3
`)
})

test('the drops of replaced stages are lines after the table, by the text of the stage', () => {
  const dropped = { dropped: 6, drops: { loss: 5, limit: 1 } }
  const former = [
    stage({ ...dropped, text: 'loss 5%' }),
    stage({ ...dropped, direction: 'ba', stage: 'fault 1', path: 'match then ' }),
  ]
  expect(wireTable('a', { ...wire, text: { ab: '', ba: '' }, stages: [], former })).toBe(`\
a ab: off
a ba: off
  ab former loss 5% dropped: loss 5, limit 1
  ba former match then fault 1 dropped: loss 5, limit 1
`)
})

test('lateness of a millisecond or more is in ms, and is - for a stage without packets', () => {
  const late = { p50: 1.25, p99: 46.137_344, counts: [] }
  const lines = wireTable('a', {
    ...wire,
    stages: [stage({ out: 1, late }), stage({ stage: 'delay', late })],
  }).split('\n')
  expect(lines.slice(3, 5).map(line => line.split(/ {2,}/).slice(-2))).toEqual([
    ['1.25ms', '46.1ms'],
    ['-', '-'],
  ])
})

test('a wire without stages is the two lines alone', () => {
  expect(wireTable('a', { ...wire, text: { ab: '', ba: '' }, stages: [] })).toBe(
    'a ab: off\na ba: off\n',
  )
})

test('a second round shows the packets out per second, and - for a stage that is new or was reset', () => {
  const before = {
    ...wire,
    time: 8000,
    stages: [stage({ out: 50 }), stage({ stage: 'loss 2', out: 99 })],
  }
  const stages = [
    stage({ out: 90 }),
    stage({ stage: 'loss 2', out: 9 }),
    stage({ stage: 'loss 3', path: 'match then ' }),
  ]
  const lines = wireTable('a', { ...wire, stages }, before)
    .split('\n')
    .slice(2, 6)
  expect(
    lines.map(line => line.trim().split(/ {2,}/)).map(cells => [cells[0], cells.at(-1)]),
  ).toEqual([
    ['in', 'out/s'],
    ['ab loss', '20'],
    ['ab loss 2', '-'],
    ['ab match then loss 3', '-'],
  ])
})

test('the stages at the end are a line each, with the counts that are not 0 and the drops by reason', () => {
  const name = { name: 'a', netns: null }
  expect(stageLines(wire.stages.map(each => ({ ...name, ...each })))).toEqual([
    'a ab loss: 100 in, 90 out, dropped: loss 7, limit 3',
    'a ab delay: 90 in, 88 out, 2 held, 4 reordered',
  ])
})

test('the statistics of a run end with the stages, escaped, and have none for drivers without wires', () => {
  let text = ''
  const out = (more: string) => {
    text += more
  }
  const io = { out, err: () => {}, onEnd: () => () => {} }
  const wires = [{ name: 'a', netns: 'red', ...stage({ stage: 'x\x1b', in: 1, out: 1 }) }]
  textOutput(io, false).statistics([], wires)
  expect(text.split('\n').slice(1)).toEqual(['a ab x\\x1b: 1 in, 1 out', ''])
  text = ''
  jsonOutput(io, false).statistics([], wires)
  expect(JSON.parse(text)).toEqual({ event: 'statistics', interfaces: [], wires })
  text = ''
  jsonOutput(io, false).statistics([], new Wires().report())
  expect(JSON.parse(text)).toEqual({ event: 'statistics', interfaces: [] })
})

test('the wires of a cable are counted once, under the name of its first end, until they are closed', async () => {
  const memory = memoryNet()
  const { devices, ports } = await addDriver(
    memory,
    cable,
    { wireAb: 'delay 1s' },
    { args: ['a', 'b'] },
  )
  const { dev: other } = await addDevice(memory, {}, { name: 'other' })
  const wires = new Wires()
  wires.add(other, undefined)
  expect(wires.report()).toBeUndefined()
  for (const dev of devices) {
    wires.add(dev, dev.name === 'a' ? 'red' : undefined)
  }
  for (const octets of numbered(3)) {
    ports[0]?.transmit(octets)
  }
  ports[0]?.drain()
  expect(wires.report()).toMatchObject([
    { name: 'a', netns: 'red', stage: 'delay', direction: 'ab', in: 3, held: 3 },
  ])
  await unregisterNetdev(devices[0]!)
  const closed = { in: 3, out: 0, held: 0, dropped: 3, drops: { closed: 3 } }
  expect(wires.report()).toMatchObject([closed])
})

test('an event of a wire shows its direction and spec, or that the wire is off', () => {
  const event = {
    event: 'wire',
    ifindex: 3,
    name: 'a',
    netns: 'red',
    time: 1_800_000_000_000,
  } as const
  const rest = { queue: undefined, txTimeouts: undefined, dropped: undefined }
  const line = (text: string, attached = false) =>
    eventLine({ ...event, ...rest, direction: 'ab', text, attached })
  expect([line('loss 1%'), line(''), line('loss 1%', true)]).toEqual([
    '2027-01-15T08:00:00.000Z red/a: wire ab: loss 1%',
    '2027-01-15T08:00:00.000Z red/a: wire ab: off',
    '2027-01-15T08:00:00.000Z red/a: wire in (ab): loss 1%',
  ])
})

test('the seed and the frames that were lost before vnet have lines, by the side of an attachment', () => {
  const beforeVnet = { ab: 0, ba: 275 }
  const full = ' lost, because the queue in the kernel was full'
  const lines = wireTable(
    'a',
    { ...wire, stages: [], seed: 23, beforeVnet },
    undefined,
    true,
  ).split('\n')
  expect(lines).toEqual([
    'a in (ab): loss 10% | delay 5ms',
    'a out (ba): off',
    `  out before vnet: 275${full}`,
    '  seed 23',
    '',
  ])
  const text = { ab: '', ba: '' }
  expect(wireTable('a', { ...wire, text, stages: [], seed: 23, beforeVnet })).toBe(
    `a ab: off\na ba: off\n  ba before vnet: 275${full}\n`,
  )
})
