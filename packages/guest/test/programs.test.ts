import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '../../../test/support/fresh-directory.ts'
import { findProgram, missingPrograms } from '../src/programs.ts'

const directory = freshDirectory()

beforeEach(() => {
  writeFileSync(join(directory, 'program'), '')
  chmodSync(join(directory, 'program'), 0o755)
  writeFileSync(join(directory, 'file'), '')
  mkdirSync(join(directory, 'folder'))
  vi.stubEnv('PATH', `/nowhere:${directory}`)
})

afterEach(() => vi.unstubAllEnvs())

test('a program is found in PATH, or in another list of directories', () => {
  expect(findProgram('program')).toBe(join(directory, 'program'))
  expect(findProgram('program', ['/nowhere'])).toBeUndefined()
})

test('a path is a program if its file is executable', () => {
  expect(findProgram(join(directory, 'program'))).toBe(join(directory, 'program'))
  for (const name of ['file', 'folder', 'none']) {
    expect(findProgram(name)).toBeUndefined()
    expect(findProgram(join(directory, name))).toBeUndefined()
  }
})

test('missing programs are named with their packages, each once', () => {
  const packages = { program: 'present', a: 'one', b: 'two', c: 'one' }
  expect(missingPrograms('vnet', packages)).toBe(
    'vnet needs a, b, c: sudo apt-get install --no-install-recommends one two',
  )
  expect(missingPrograms('vnet', { program: 'present' })).toBeUndefined()
})
