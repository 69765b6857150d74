/** `vnet learn --kernel`, in a directory of its own. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '../../support/fresh-directory.ts'

const PROGRAM = join(import.meta.dirname, '../../../dist/vnet.js')

test('vnet learn --kernel writes the skeleton of a module once, and leaves an existing one as it is', () => {
  const cwd = testDirectory()
  const learn = () => execFileSync(process.execPath, [PROGRAM, 'learn', '--kernel', '3'], { cwd, encoding: 'utf8' })
  expect(learn()).toContain('fill in 03-ring/ring.c, then: vnet check --kernel 03-ring\n')
  const file = join(cwd, '03-ring/ring.c')
  expect(readFileSync(file, 'utf8')).toContain('.ndo_start_xmit = ring_start_xmit,')
  writeFileSync(file, 'mine')
  expect(learn()).toContain('exists and stays as it is')
  expect(readFileSync(file, 'utf8')).toBe('mine')
})
