/** A process of a module runs again after a run that has passed and left nothing. */
import { expect, test } from 'vitest'
import { ModuleRunner } from '../../../src/explore/runners.ts'
import { explore } from '../../../src/index.ts'

const module = (mode: string) =>
  new URL(`../../support/explore/reused.mjs?${mode}`, import.meta.url)

test('a process runs again by default, and once without reuse', async () => {
  const report = await explore(module('again'), { faults: ['duplicate'], reuse: false })
  expect([report.cleanErrors, report.passed]).toEqual([[], true])
  const { cleanErrors } = await explore(module('again'), { faults: ['duplicate'] })
  expect(cleanErrors).toContainEqual(expect.stringContaining('Error: run 2 of a process'))
})

test('the last run of a process that was kept is compared with the first one', async () => {
  const changesOf = async (mode: string) => {
    const { unsteady } = await explore(module(mode), { faults: ['duplicate'] })
    return unsteady.filter(line => line.startsWith('after other runs'))
  }
  expect(await changesOf('same')).toEqual([])
  expect(await changesOf('more')).toEqual([
    'after other runs, a process that was kept differs: client-server ab udp client:* > server:5001 packet 1; try --no-reuse, or reuse: false',
  ])
})

test('each process that was kept runs once more at the end', async () => {
  const runner = new ModuleRunner(module('again').href, 2, true)
  const spec = { plan: [], timeout: 20_000, seed: 1, world: 'kernel' } as const
  try {
    const first = await Promise.all([runner.run(spec), runner.run(spec)])
    expect(first.map(({ error }) => error)).toEqual([undefined, undefined])
    const last = await runner.lastRuns(spec)
    expect(last.map(({ error }) => error)).toEqual(
      Array(2).fill(expect.stringContaining('Error: run 2 of a process')),
    )
  } finally {
    runner.close()
  }
})

test('the process of a run that has failed does not run again', async () => {
  const report = await explore(module('fail'), { reuse: true })
  expect(report.points.map(({ verdict }) => verdict)).toEqual(['failed', 'passed'])
  expect(report.failures).toMatchObject([
    { failed: 4, runs: 4, error: expect.stringContaining('Error: lost') },
  ])
})

test('a failure is repeated in processes that have not run before', async () => {
  const { failures } = await explore(module('later'), { reuse: true })
  expect(failures).toMatchObject([{ failed: 1, runs: 4 }])
})

test('a process that a run has left timers in does not run again', async () => {
  const { cleanErrors, passed } = await explore(module('leave'), {
    faults: ['duplicate'],
    reuse: true,
  })
  expect([cleanErrors, passed]).toEqual([[], true])
})
