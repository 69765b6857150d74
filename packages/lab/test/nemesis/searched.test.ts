/** The search for repairs and schedules, in memory: bugs that need several events. */
import { expect, test } from 'vitest'
import { explore } from '../../src/index.ts'
import { asking, OPTIONS, once, replyOf, requestOf } from '../support/searched-scenarios.ts'

test('schedules are runs with faults of several packets, which are counted by their verdicts', async () => {
  const report = await explore(once, {
    ...OPTIONS,
    faults: ['duplicate', 'delay 5ms'],
    schedules: 4,
  })
  expect(report.schedules).toEqual({ passed: 4, failed: 0, missed: 0, skipped: 0 })
  expect(String(report)).toContain('\n4 schedules: 0 failed, 0 skipped\n')
})

test('a program that sends nothing after a fault fails if the fault ends by itself', async () => {
  const faults = ['duplicate', 'silence forever', 'crash on server', 'repair']
  const report = await explore(once, { ...OPTIONS, faults })
  expect(report.failures.map(({ faults, also }) => [...faults, ...also]).toSorted()).toEqual(
    [requestOf(1), replyOf(1)].map(packet => [
      `silence 3s ${packet}`,
      `restart 3s on server ${packet}`,
    ]),
  )
  const line = String(report)
    .split('\n')
    .find(each => each.startsWith('1 '))
  expect(line).toMatch(/ \. +FAILED +FAILED$/)
})

test('a stopped program continues after a fault without a later packet', async () => {
  const report = await explore(once, { ...OPTIONS, faults: ['pause forever on server', 'repair'] })
  const points = report.toJSON().points.map(({ verdict, faults }) => [verdict, ...faults])
  expect(points[0]).toEqual(['passed', `pause 3s on server ${requestOf(1)}`])
  expect(report.passed).toBe(true)
})

test('a repair without a fault that lasts is refused', async () => {
  await expect(
    explore(asking, { ...OPTIONS, faults: ['drop', 'silence 5s', 'repair'] }),
  ).rejects.toThrow(
    'faults: repair ends faults that last: add one, such as silence forever or crash on server',
  )
})
