/** The report of an exploration of commands. */
import { expect, test } from 'vitest'
import { Clean } from '../../src/hunt/clean.ts'
import { Groups } from '../../src/hunt/findings.ts'
import type { CleanStart, ClientResult, HuntFinding } from '../../src/hunt/hunt.ts'
import type { Point } from '../../src/hunt/points.ts'
import {
  endJson,
  endText,
  findingJson,
  findingText,
  resultJson,
  resultText,
  startJson,
  startText,
} from '../../src/hunt/report.ts'
import { VERDICTS, type Verdict } from '../../src/hunt/verdicts.ts'
import { clientRun } from '../support/client-runs.ts'

const point = (byte: number): Point => ({
  fault: 'fin',
  connection: 1,
  from: 'server',
  byte,
  direction: 'ba',
})
const lying = { ...clientRun(), isHit: true, serverEnd: undefined }
const start: CleanStart = {
  client: 'get x',
  clean: new Clean(clientRun(), clientRun()),
  ms: [20, 10],
  connections: [
    {
      number: 1,
      port: 80,
      turns: [
        { from: 'client', bytes: Buffer.from('GET') },
        { from: 'server', bytes: Buffer.from('reply') },
      ],
      closedBy: 'server',
      isWhole: true,
    },
  ],
  points: [0, 1, 2, 3, 4].map(point),
  notes: ['not compared: log'],
}
const finding: HuntFinding = {
  start,
  verdict: 'wrong data with status 0',
  point: point(0),
  run: lying,
  repeated: 3,
  of: 3,
}
const told = {
  block: '### get\n',
  plain: { text: 'also without vnet', isRepeated: true, program: 'import socket\n' },
}

function resultOf(): ClientResult {
  const groups = new Groups()
  const lies = [0, 1, 2, 3, 4].map(byte =>
    groups.add({ point: point(byte), run: clientRun(), verdict: 'wrong data with status 0' }),
  )
  const err = 'get: 12 bytes\n'
  groups.add({ point: point(9), run: clientRun({ status: 1, err }), verdict: 'partial file' })
  const hanging = groups.add({ point: point(9), run: clientRun({ hung: true }), verdict: 'hangs' })
  const counts = Object.fromEntries(VERDICTS.map(verdict => [verdict, 0])) as Record<
    Verdict,
    number
  >
  return {
    client: 'get x',
    points: 8,
    tried: 7,
    runs: 20,
    ms: 3500,
    counts: { ...counts, 'wrong data with status 0': 5, hangs: 1, 'partial file': 1 },
    groups: [...new Set([...lies, ...groups.all])],
    findings: [finding],
    unconfirmed: [hanging],
    unrepeated: [],
    serverEnds: new Map([['status 1', 2]]),
    changes: ['after the points, a run without faults differs: f is missing'],
  }
}

test('the start names the client, its clean runs, and files that are not compared', () => {
  expect(startText(start)).toBe(
    'get x\n' +
      '2 clean runs passed in 10.0 to 20.0 ms: 1 connection, 2 turns, 5 points\n' +
      'not compared: log\n',
  )
  expect(startJson(start)).toMatchObject({
    event: 'clean',
    connections: [{ number: 1, port: 80, turns: [{ from: 'client', bytes: 3 }, { bytes: 5 }] }],
    points: 5,
  })
})

test('a finding has its point, how often it was repeated, and its block', () => {
  expect(findingText(finding, told)).toBe(
    '\nFINDING wrong data with status 0: fin at byte 0 of the server, connection 1: 3 of 3, ' +
      'also without vnet\n\n### get\n\n',
  )
  expect(findingJson(finding, told)).toMatchObject({
    event: 'finding',
    point: { fault: 'fin', connection: 1, from: 'server', byte: 0 },
    run: { status: 0, signal: null },
    plain: 'also without vnet',
    reproducer: 'import socket\n',
    block: '### get\n',
  })
})

test('the result has the points of findings and notes, the ends of the server, and the sums', () => {
  expect(resultText(resultOf()).split('\n')).toEqual([
    'wrong data with status 0 at 5 points: fin at byte 0 of the server, connection 1; ' +
      'fin at byte 1 of the server, connection 1; fin at byte 2 of the server, connection 1; ' +
      'fin at byte 3 of the server, connection 1; and 1 more',
    'not shown again in a new lab: hangs at 1 point: fin at byte 9 of the server, connection 1',
    'note: partial file at 1 point: get: N bytes: fin at byte 9 of the server, connection 1',
    'the server ended with status 1 in 2 runs, and was started again',
    'after the points, a run without faults differs: f is missing; try --fresh',
    '7 of 8 points: 1 hangs, 5 wrong data with status 0, 1 partial file; 1 finding; ' +
      '20 runs in 3.5 s, 2.0 points/s',
    '',
  ])
  const { groups, ...rest } = resultJson(resultOf()) as { groups: unknown[] }
  expect(groups[0]).toEqual({
    verdict: 'wrong data with status 0',
    said: '',
    points: [0, 1, 2, 3, 4].map(byte => ({ fault: 'fin', connection: 1, from: 'server', byte })),
    isConfirmed: true,
  })
  expect(rest).toMatchObject({ findings: 1, pointsPerSecond: 2, serverEnds: { 'status 1': 2 } })
})

test('a group that a stop has left unrepeated is not called one that was not shown again', () => {
  const { unconfirmed, ...result } = resultOf()
  const stopped = { ...result, unconfirmed: [], unrepeated: unconfirmed }
  const text = resultText(stopped)
  expect(text).toContain('\nnot repeated, because it was stopped: hangs at 1 point: ')
  expect(text).not.toContain('not shown again')
  const { groups } = resultJson(stopped) as { groups: { verdict: string; isConfirmed: boolean }[] }
  expect(groups.find(({ verdict }) => verdict === 'hangs')?.isConfirmed).toBe(false)
})

test('the end says why not everything was tried', () => {
  const stopped = { clients: [resultOf()], stopped: 'it was stopped' }
  expect(endText(stopped)).toBe('not everything was tried: it was stopped\n')
  expect(endText({ clients: [], stopped: undefined })).toBe('')
  expect(endJson(stopped)).toEqual({ event: 'end', findings: 1, stopped: 'it was stopped' })
})
