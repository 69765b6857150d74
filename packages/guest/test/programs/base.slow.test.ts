/** The base image with all usual programs of this machine. */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { findProgram } from '#src/linux/programs.ts'
import { testDirectory, written } from '#support/fresh-directory.ts'
import base from '../../src/image/base.json' with { type: 'json' }
import { baseTree, guestPath } from '../../src/image/base.ts'
import { kernelWith } from '../support/kernel-modules.ts'

test('the image has the usual programs that this machine has, with their libraries', () => {
  const directory = testDirectory()
  vi.stubEnv('XDG_CACHE_HOME', join(directory, 'cache'))
  const kernel = kernelWith(join(directory, 'modules'), {})
  const init = written(directory, 'init', '')
  const tree = baseTree({ programs: [], files: [], init, kernel, directory })
  vi.unstubAllEnvs()
  const programs = base.programs.flatMap(name => findProgram(name, guestPath()) ?? [])
  expect(programs.length).toBeGreaterThan(10)
  expect(programs.filter(path => !tree.has(realpathSync(path)))).toEqual([])
  for (const library of [/\/libc\.so\.6$/, /\/libstdc\+\+\.so\.6$/]) {
    expect(
      tree.paths.some(path => library.test(path)),
      `${library}`,
    ).toBe(true)
  }
})
