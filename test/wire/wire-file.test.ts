import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { UsageError } from '../../src/base/usage-error.ts'
import { readWireFile } from '../../src/wire/wire-file.node.ts'
import { fileDirectory } from '../support/fresh-directory.ts'

const directory = fileDirectory()

test('a file of more than 64 MiB, and one that does not exist, are refused by name', () => {
  const path = join(directory, 'trace')
  expect(() => readWireFile(path)).toThrow(UsageError)
  expect(() => readWireFile(path)).toThrow(`${path}: no such file or directory`)
  writeFileSync(path, '1\n')
  expect(readWireFile(path)).toBe('1\n')
  truncateSync(path, 64 * 1024 * 1024 + 1)
  expect(() => readWireFile(path)).toThrow(new UsageError(`${path}: longer than 64 MiB`))
  // A device that does not end.
  expect(() => readWireFile('/dev/zero')).toThrow(new UsageError('/dev/zero: longer than 64 MiB'))
})

test('a file of many reads is read whole', () => {
  const path = join(directory, 'long')
  const text = 'ä1234567'.repeat(40_000)
  writeFileSync(path, text)
  expect(readWireFile(path)).toBe(text)
})
