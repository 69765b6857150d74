/**
 * One module in a virtual machine, by qemu-system-x86_64; `npm run test:kernel-module` tests all of
 * them, and their mistakes.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { COURSE } from '../../src/folder.ts'
import { checkModule } from '../support/kernel-module.ts'

const directory = freshDirectory()

test("the solution of 01-drop in C passes its live checks in Debian's kernel", async () => {
  const { status, results } = await checkModule(
    '01-drop',
    join(COURSE, '01-drop/kernel/solution.c'),
  )
  expect(results.map(({ result, seen }) => seen ?? result)).toEqual(['passed', 'passed'])
  expect(status).toBe(0)
})

test('a module of which nothing could be checked does not pass', async () => {
  cpSync(join(COURSE, '01-drop'), join(directory, '01-drop'), { recursive: true })
  const definition = join(directory, '01-drop/exercise.js')
  writeFileSync(
    definition,
    readFileSync(definition, 'utf8').replace(/needs: \[.*\]/g, "needs: ['no-such-program']"),
  )
  const file = join(directory, '01-drop/kernel/solution.c')
  const { status, results } = await checkModule('01-drop', file, '--from', directory)
  expect([status, results.map(({ result }) => result)]).toEqual([1, ['not run', 'not run']])
})
