/** The example of packages/learn/docs/write-an-exercise.md, which processes check. */
import { expect, test } from 'vitest'
import { runMain } from '#support/run-main.ts'
import { shortExercises, texts } from '../docs/short-exercise.ts'

const { own, next, write } = shortExercises()

test('the example in packages/learn/docs/write-an-exercise.md passes vnet check --mistakes, which names a mistake that is not found', async () => {
  const found = texts['mistakes.js'] as string
  const none =
    "{ name: 'none', explainedBy: 'a frame of 9 bytes', replace: ['skb.len >', 'skb.len >='] },"
  write({ 'mistakes.js': found.replace(/\]\n$/, `  ${none}\n]\n`) })
  const { status, stdout, stderr } = await runMain('check', '--mistakes', '--memory-only', own())
  expect([status, stderr]).toEqual([1, ''])
  expect(stdout).toBe(`20-short: A limit: long frames are dropped
ok      the solution passes
ok      the skeleton fails
ok      README.md has the headings that the checks name
ok      off-by-one is explained
ok      no-reason is explained
FAILED  none is explained: with --limit 100, a frame of 100 bytes was dropped as: PKT_TOO_BIG 1; expected: NOT_SPECIFIED 1: it is not longer than the limit
`)
})

test('vnet check exits with 1 for a live check that was not run if --require-live is given, else with 0', async () => {
  const definition = texts['exercise.js'] as string
  const exercise = definition.replace("needs: ['ping']", "needs: ['no-such-program']")
  expect(exercise).not.toBe(definition)
  write({ 'short.js': texts['solution.js'] as string, 'exercise.js': exercise })
  const { status, stdout } = await runMain('check', '--from', own(), own())
  expect(stdout).toMatch(
    /^not run live: counts a long ping as PKT_TOO_BIG: .+\n20-short: 2 passed, 1 not run\.\n$/m,
  )
  expect(status).toBe(0)
  expect(await runMain('check', '--require-live', '--from', own(), own())).toEqual({
    status: 1,
    stdout,
    stderr: '',
  })
})

test('vnet check --mistakes continues with the next exercise if vnet itself fails', async () => {
  const broken = `${texts['exercise.js']}\nif (process.argv[1].endsWith('check-worker.js')) process.exit(3)\n`
  write({ 'exercise.js': broken })
  const first = own()
  next()
  write()
  const { status, stdout, stderr } = await runMain(
    'check',
    '--mistakes',
    '--memory-only',
    first,
    own(),
  )
  expect([status, stderr]).toEqual([
    1,
    'vnet: check: the checks of 20-short ended with status 3: \n',
  ])
  expect(stdout).toMatch(/^(20-short: .+\n){2}ok {6}the solution passes\n/)
})

test('vnet check --mistakes refuses a heading that the page does not have, in a check or in an explanation', async () => {
  const definition = texts['exercise.js'] as string
  write({
    'README.md': `${texts['README.md']}\n\`\`\`\n## Nope\n\`\`\`\n`,
    'exercise.js': definition.replace("read: 'The length of a frame'", "read: 'Nope'"),
  })
  const { status, stdout } = await runMain('check', '--mistakes', '--memory-only', own())
  expect(status).toBe(1)
  const line =
    "no heading 'Nope'; it has: 20. A limit: long frames are dropped, What to do, The length of a frame"
  expect(stdout).toContain(`FAILED  README.md has the headings that the checks name: ${line}\n`)
  expect(stdout).toContain("FAILED  off-by-one is explained: no heading 'Nope' in README.md; ")
})
