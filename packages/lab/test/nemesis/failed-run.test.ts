/** The report of a failure shows when its faults of links and hosts start and end. */
import { expect, test } from 'vitest'
import { parseFault } from '../../src/explore/fault-text.ts'
import { pageOf } from '../../src/explore/page.ts'
import { runDiagram } from '../../src/explore/run-diagram.ts'
import { Spans } from '../../src/nemesis/hit.ts'
import { checkSpan, exploreOne, rowsOf } from '../support/failed-runs.ts'

const silence = await exploreOne('silence 1500ms')

test('the report of a silence says what happened and when', () => {
  const span = {
    packet: 0,
    to: 1500,
    starts: 'client-server loses all packets',
    ends: 'client-server carries packets again',
  }
  checkSpan(
    silence,
    span,
    'at 0.0 ms client-server loses all packets, at 1500.0 ms client-server carries packets again',
  )
})

test('the packets of the failed run say which of them a dead link has lost', () => {
  const { failures } = silence
  const lost = failures[0]?.run?.packets.map(({ label, direction, lost }) => [
    direction,
    label,
    lost,
  ])
  expect(lost).toEqual([
    ['ab', 'packet 1', true],
    ['ab', 'packet 2', true],
    ['ab', 'packet 3', false],
    ['ba', 'packet 1', false],
  ])
})

test('a repair ends the spans before it', () => {
  const lab = { now: 10 }
  const spans = new Spans(lab)
  const PACKET = 'client-server ab udp client:* > server:5000 packet'
  const faults = [
    `silence forever ${PACKET} 1`,
    `repair ${PACKET} 2`,
    `pause 1s on server ${PACKET} 3`,
  ].map(parseFault)
  for (const fault of faults) {
    spans.add(fault, [], (lab.now + 5) * 1e6, lab.now)
    lab.now += 1000
  }
  expect(spans.all.map(({ from, to }) => [from / 1e6, (to ?? 0) / 1e6])).toEqual([
    [15, 1015],
    [1015, 1015],
    [2015, 3015],
  ])
})

test('the page shows a fault of a host as a bar on its line, from its start to its end', async () => {
  const report = await exploreOne('restart 1500ms on server')
  expect(rowsOf(pageOf(report.toJSON(), 'a'))).toEqual([
    ['0.0 server crashes', 'bar 264 20 20'],
    ['0.0 client to server: ab packet 1 , lost', 'bar 264 0 40'],
    ['1000.0 client to server: ab packet 2 , lost', 'bar 264 0 40'],
    ['1500.0 server starts again', 'bar 264 0 20'],
    ['2000.0 client to server: ab packet 3'],
    ['2005.0 server to client: ba packet 1'],
  ])
})

test('the page shows the end of a fault beside a fault whose packet it leaves out', () => {
  const packet = {
    link: 'a-b',
    direction: 'ab',
    flow: 'udp a:* > b:80',
    at: 0,
    label: 'packet 1',
    lost: false,
  } as const
  const stop = (host: string, packet: number, from: number, to: number) => {
    return {
      host,
      link: 'a-b',
      packet,
      hit: '',
      from,
      to,
      starts: `${host} stops`,
      ends: `${host} continues`,
    }
  }
  const operation = { at: 5000, isStart: true, name: 'a write 5', text: '' }
  const spans = [stop('a', 0, 0, 9000), stop('b', 50, 2500, 3000)]
  const run = { packets: [packet], before: 0, after: 50, spans, operations: [operation] }
  expect(rowsOf(runDiagram(run, 'a').text).map(([text]) => text)).toEqual([
    '0.0 a stops',
    '0.0 a to b: ab packet 1',
    '5000.0 a write 5 starts',
    '9000.0 a continues',
  ])
})
