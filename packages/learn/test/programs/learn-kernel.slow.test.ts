/** `vnet learn --kernel`, in a directory of its own. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { COURSE } from '../../src/folder.ts'

const PROGRAM = join(import.meta.dirname, '../../../../dist/vnet.js')

test('vnet learn --kernel writes the skeleton of a module once, and leaves an existing one as it is', () => {
  const cwd = testDirectory()
  const learn = () =>
    execFileSync(process.execPath, [PROGRAM, 'learn', '--kernel', '3'], { cwd, encoding: 'utf8' })
  expect(learn()).toContain(
    'Read 03-ring/README.md, fill in 03-ring/ring.c, then: vnet check --kernel 03-ring\n',
  )
  expect(readFileSync(join(cwd, '03-ring/README.md'), 'utf8')).toMatch(/^# 3\. A ring/)
  const file = join(cwd, '03-ring/ring.c')
  expect(readFileSync(file, 'utf8')).toContain('.ndo_start_xmit = ring_start_xmit,')
  writeFileSync(file, 'mine')
  expect(learn()).toMatch(/03-ring\/ring\.c +exists and stays as it is/)
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

test('vnet learn --kernel writes the own skeleton of an exercise with a card', () => {
  const cwd = testDirectory()
  const args = [PROGRAM, 'learn', '--kernel', '23']
  const printed = execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })
  expect(printed).toContain('fill in 23-tx-ring/tx.c, then: vnet check --kernel 23-tx-ring\n')
  expect(readFileSync(join(cwd, '23-tx-ring/tx.c'), 'utf8')).toBe(
    readFileSync(join(COURSE, '23-tx-ring/kernel/skeleton.c'), 'utf8'),
  )
})

test('vnet check in the directory of other exercises says that --from selects them, as vnet learn printed', () => {
  const cwd = testDirectory()
  const exercises = join(cwd, 'made')
  cpSync(join(COURSE, '01-drop'), join(exercises, '21-sample'), { recursive: true })
  const learner = join(cwd, 'learner')
  mkdirSync(learner)
  const vnet = (...args: string[]) =>
    spawnSync(process.execPath, [PROGRAM, ...args], { cwd: learner, encoding: 'utf8' })
  expect(vnet('learn', '--from', '../made', '21-sample').stdout).toContain(
    'fill in 21-sample/drop.js, then: vnet check --from ../made 21-sample\n',
  )
  expect(vnet('check').stderr).toBe(
    `vnet: check: 21-sample is for the exercise ${join(exercises, '21-sample')}, whose program would run ` +
      'with your rights: if you trust it, give it with --from\n',
  )
  expect(vnet('check', '--memory-only', '--from', '../made').stdout).toMatch(/^21-sample: .*\nok /)
})
