/** The search for repairs and schedules, in memory: budgets, and points without a later packet. */
import { expect, test } from 'vitest'
import { explore, type LabScenario } from '../../src/index.ts'
import { asking, OPTIONS, once, requestOf } from '../support/searched-scenarios.ts'

test('without faults of two packets, schedules are skipped with the reason', async () => {
  const alone: LabScenario = async ({ lab }) => {
    const [a, b] = lab.hosts('a', 'b')
    await lab.cable(a, b)
    const [socket, other] = [await a.createSocket('udp4'), await b.createSocket('udp4', 5000)]
    const arrived = new Promise(resolve => other.once('message', resolve))
    socket.send('x', 5000, 'b')
    await arrived
  }
  const none = await explore(alone, { ...OPTIONS, faults: ['duplicate'], schedules: 5 })
  expect(none.schedules).toEqual({ passed: 0, failed: 0, missed: 0, skipped: 5 })
  expect(none.unsteady).toContain(
    '5 of 5 schedules were not run: a run survives no faults of two packets',
  )
})

test('a stopped program continues within a timeout of 1500 ms after a fault without a later packet', async () => {
  const faults = ['pause forever on server', 'repair']
  const report = await explore(once, { ...OPTIONS, faults, timeout: '1500ms' })
  const points = report.toJSON().points.map(({ verdict, faults }) => [verdict, ...faults])
  expect(points[0]).toEqual(['passed', `pause 500ms on server ${requestOf(1)}`])
  expect(report.passed).toBe(true)
})

test('repairs after the budget are counted', async () => {
  const report = await explore(asking, {
    ...OPTIONS,
    faults: ['mute forever', 'repair'],
    stopAt: 1,
  })
  expect(report.failures).toHaveLength(1)
  expect(report.skippedRepairs + report.points.length).toBe(report.size)
})
