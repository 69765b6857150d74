/** With `reuse`, a process of a module runs again after a run that has passed and left nothing. */
import { expect, test } from 'vitest'
import { explore } from '../../../src/index.ts'

const module = (mode: string) =>
  new URL(`../../support/explore/reused.mjs?${mode}`, import.meta.url)

test('a process runs again with reuse, and otherwise runs once', async () => {
  const report = await explore(module('again'), { faults: ['duplicate'] })
  expect([report.cleanErrors, report.passed]).toEqual([[], true])
  const { cleanErrors } = await explore(module('again'), { faults: ['duplicate'], reuse: true })
  expect(cleanErrors).toContainEqual(expect.stringContaining('Error: run 2 of a process'))
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
