/** Points that are alike are one finding. */
import { expect, test } from 'vitest'
import { Groups, pointText } from '../../src/hunt/findings.ts'
import type { Point } from '../../src/hunt/points.ts'
import { clientRun } from '../support/client-runs.ts'

const at = (fault: Point['fault'], byte: number): Point => ({
  fault,
  connection: 1,
  from: 'server',
  byte,
  direction: 'ba',
})

test('points with one verdict, one kind of fault and one last line are one group, whatever its numbers', () => {
  const groups = new Groups()
  const tried = (point: Point, err: string) =>
    ({ point, run: clientRun({ err }), verdict: 'hangs' }) as const
  const group = groups.add(tried(at('fin', 0), 'start\ncurl: (18) 9805 bytes at 0x7f2a in 1.2.3\n'))
  expect(groups.add(tried(at('fin', 9), 'curl: (18) 12 bytes at 0x11 in 1.10\n'))).toBe(group)
  expect(groups.add(tried(at('reset', 9), 'curl: (18) 12 bytes at 0x11 in 1.10\n'))).toBe(group)
  const silent = groups.add(tried(at('mute', 9), 'curl: (18) 12 bytes at 0x11 in 1.10\n'))
  expect(silent).not.toBe(group)
  expect(groups.add(tried(at('silence', 9), 'curl: (18) 3 bytes at 0x11 in 1.10\n'))).toBe(silent)
  expect(groups.add(tried(at('fin', 9), 'other\n'))).not.toBe(group)
  groups.add({ point: at('fin', 0), run: clientRun(), verdict: 'as clean' })
  expect(groups.all.map(({ verdict, said, points }) => [verdict, said, points.length])).toEqual([
    ['hangs', 'curl: (N) N bytes at N in N', 3],
    ['hangs', 'curl: (N) N bytes at N in N', 2],
    ['hangs', 'other', 1],
    ['as clean', '', 1],
  ])
})

test('a point is named by its fault, its byte and its connection', () => {
  expect(pointText(at('fin', 9805))).toBe('fin at byte 9805 of the server, connection 1')
  expect(pointText(at('mute', -1))).toBe('mute at the SYN of the server, connection 1')
})
