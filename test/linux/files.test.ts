import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { explain, VnetError } from '#src/base/errno.ts'
import { makeDirectories, makeTemporaryDirectory, writeFile } from '#src/linux/files.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-files-'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true })
})

/** Returns the sentence of the VnetError that `fn` throws. */
function sentence(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    expect(error).toBeInstanceOf(VnetError)
    return explain(error as VnetError)
  }
  throw new Error('it succeeded')
}

test('a directory for temporary files is new, and only this user may enter it', () => {
  vi.stubEnv('TMPDIR', directory)
  const made = makeTemporaryDirectory('vnet-a-')
  expect(made).toMatch(/\/vnet-a-\w+$/)
  expect(statSync(made).mode & 0o777).toBe(0o700)
})

test.each([
  ['TMPDIR', 'missing', 'no such directory'],
  ['TMPDIR', 'file', 'not a directory'],
  ['TEMP', 'file', 'not a directory'],
])('without a directory in %s, the error names it', (name, entry, reason) => {
  const path = join(directory, entry)
  writeFileSync(join(directory, 'file'), '')
  for (const each of ['TMPDIR', 'TMP', 'TEMP']) {
    vi.stubEnv(each, each === name ? path : undefined)
  }
  expect(sentence(() => makeTemporaryDirectory('vnet-'))).toBe(
    `${name}=${path}: ${reason}; set TMPDIR to another directory`,
  )
})

test('without a directory that was named, the error does not speak of TMPDIR', () => {
  const path = join(directory, 'missing')
  expect(sentence(() => makeTemporaryDirectory('vnet-', path))).toBe(
    `${path}: no such directory; choose another directory`,
  )
})

test('directories are made with those above, and left as they are if they exist', () => {
  const path = join(directory, 'a', 'b')
  expect([makeDirectories(path), makeDirectories(path)]).toEqual([true, false])
  mkdirSync(join(path, 'c'))
})

test('a directory that is a file, or below one, is refused by the first path that cannot be made', () => {
  writeFileSync(join(directory, 'file'), '')
  const path = join(directory, 'file')
  expect(sentence(() => makeDirectories(path))).toBe(`${path}: not a directory`)
  expect(sentence(() => makeDirectories(join(path, 'a', 'b')))).toBe(`${path}/a: not a directory`)
})

// /proc takes no new directory.
test.runIf(process.platform === 'linux')(
  'the error is of the system, and not that nothing exists',
  () => {
    chmodSync(directory, 0o700)
    expect(sentence(() => makeDirectories('/proc/vnet/a'))).toBe(
      '/proc/vnet: no such file or directory',
    )
  },
)

test.runIf(process.platform === 'linux')(
  'the error of a file that a full disk does not take names the file',
  () => {
    expect(sentence(() => writeFile('/dev/full', 'a'))).toBe('/dev/full: no space left on device')
  },
)

test('temporary files of a test file are in a directory of its own', () => {
  const made = makeTemporaryDirectory('vnet-captures-')
  expect(dirname(made)).toBe(tmpdir())
  expect(basename(dirname(made))).toBe(`vnet-test-tmp-${process.pid}`)
})
