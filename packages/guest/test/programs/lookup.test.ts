import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { lookUp } from '../../src/image/add-programs.ts'

const directory = freshDirectory()
const at = (name: string) => join(directory, name)
/** Prints what the file `answer` has. */
const ask = (...args: readonly string[]) => lookUp(at('program'), args, [at('source')])

beforeEach(() => {
  vi.stubEnv('XDG_CACHE_HOME', at('cache'))
  writeFileSync(at('program'), `#!/bin/sh\ncat ${at('answer')}; exit 1\n`)
  chmodSync(at('program'), 0o755)
  writeFileSync(at('source'), '')
  writeFileSync(at('answer'), 'first')
})

afterEach(() => vi.unstubAllEnvs())

test('an output is kept until a source or the arguments change', () => {
  expect(ask('a')).toBe('first')
  writeFileSync(at('answer'), 'second')
  expect(ask('a')).toBe('first')
  expect(ask('b')).toBe('second')
  writeFileSync(at('source'), 'changed')
  expect(ask('a')).toBe('second')
})

test('a program that is not installed prints nothing, until it is', () => {
  const other = () => lookUp(at('other'), [], [])
  expect(other()).toBe('')
  writeFileSync(at('other'), '#!/bin/sh\necho now\n')
  chmodSync(at('other'), 0o755)
  expect(other()).toBe('now\n')
})

test('the output of a program that a signal ends is not kept', () => {
  writeFileSync(at('program'), `#!/bin/sh\necho part; kill -INT $$\n`)
  expect(() => ask('a')).toThrow(`${at('program')} was ended: start again`)
  writeFileSync(at('program'), '#!/bin/sh\necho whole\n')
  expect(ask('a')).toBe('whole\n')
})
