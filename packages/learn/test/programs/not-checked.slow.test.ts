/** `vnet check` of several exercises, one of which vnet itself cannot check. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { COURSE } from '../../src/folder.ts'

const directory = freshDirectory()

test('vnet check continues with the next exercise if vnet itself fails, and exits with 1', () => {
  for (const [name, driver] of [
    ['01-drop', 'drop.js'],
    ['02-mirror', 'mirror.js'],
  ] as const) {
    cpSync(join(COURSE, name), join(directory, 'exercises', name), { recursive: true })
    mkdirSync(join(directory, name))
    cpSync(join(COURSE, name, 'solution.js'), join(directory, name, driver))
  }
  const broken = join(directory, 'exercises/01-drop/exercise.js')
  appendFileSync(broken, "\nif (process.argv[1].endsWith('check-worker.js')) process.exit(3)\n")
  const args = [PROGRAM, 'check', '--memory-only', '--from', 'exercises']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: directory,
    encoding: 'utf8',
  })
  expect(stderr).toBe('vnet: check: the checks of 01-drop ended with status 3: \n')
  expect(stdout).toMatch(/^02-mirror: 6 passed, 2 not run\.\n$/m)
  expect(status).toBe(1)
})
