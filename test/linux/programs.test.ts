import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { findProgram, installing, missingPrograms } from '#src/linux/programs.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

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
  expect(missingPrograms('vnet', ['program', 'pasta', 'apt-get', 'apt-cache', 'gcc'])).toBe(
    'vnet needs pasta, apt-get, apt-cache, gcc: sudo apt-get install passt apt gcc',
  )
  expect(missingPrograms('vnet', ['program'])).toBeUndefined()
})

test('QEMU is installed without what it recommends', () => {
  expect(installing('qemu-system-x86_64', 'mksquashfs')).toBe(
    'sudo apt-get install --no-install-recommends qemu-system-x86 squashfs-tools',
  )
})
