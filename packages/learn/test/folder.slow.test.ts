/** Checks of an exercise that is not of the course. */
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { COURSE } from '../src/folder.ts'
import { attack } from './support/own-checks.ts'

const directory = freshDirectory()

test('--from selects an exercise that is not of the course', async () => {
  const { own, done } = attack(directory)
  const from = join(directory, 'trusted')
  cpSync(join(COURSE, '01-drop'), join(from, '21-sample'), { recursive: true })
  const { status, stdout } = await runMain('check', '--memory-only', '--from', from, own)
  expect([status, existsSync(done)]).toEqual([0, false])
  expect(stdout).toMatch(/^21-sample: 5 passed, 2 not run\.$/m)
})
