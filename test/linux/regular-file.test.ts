import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  lstatSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import {
  checkRegular,
  openOutput,
  readTextFile,
  refuseForeign,
  replaceFile,
} from '#src/linux/regular-file.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
const at = (name: string) => join(directory, name)

/** Makes a FIFO, which would make open(2) wait. */
function fifo(name = 'fifo'): string {
  execFileSync('mkfifo', [at(name)])
  return at(name)
}

test('a file of more than 64 MiB, and one that does not exist, are refused by name', () => {
  const path = at('trace')
  expect(() => readTextFile(path)).toThrow(UsageError)
  expect(() => readTextFile(path)).toThrow(`${path}: no such file or directory`)
  writeFileSync(path, '1\n')
  expect(readTextFile(path)).toBe('1\n')
  expect(() => readTextFile(path, 1)).toThrow(`${path}: longer than`)
  truncateSync(path, 64 * 1024 * 1024 + 1)
  expect(() => readTextFile(path)).toThrow(new UsageError(`${path}: longer than 64 MiB`))
})

test('a file of many reads is read whole', () => {
  const text = 'ä1234567'.repeat(40_000)
  writeFileSync(at('long'), text)
  expect(readTextFile(at('long'))).toBe(text)
})

test('a pipe, a socket and a device are refused by their kinds, and are not waited for', async () => {
  const server = createServer().listen(at('socket'))
  await new Promise(resolve => server.once('listening', resolve))
  const kinds: [string, string][] = [
    [fifo(), 'a pipe'],
    [at('socket'), 'a socket'],
    ['/dev/zero', 'a device'],
  ]
  for (const [path, kind] of kinds) {
    const refusal = new UsageError(`${path}: it is ${kind}: name a regular file`)
    expect(() => readTextFile(path)).toThrow(refusal)
    expect(() => checkRegular(path)).toThrow(refusal)
    if (path !== '/dev/zero') {
      expect(() => openOutput(path)).toThrow(refusal)
    }
  }
  server.close()
})

test('an output in a directory that does not exist names the missing part', () => {
  const path = at('a/b/c')
  expect(() => openOutput(path)).toThrow(
    new UsageError(`${path}: no such file or directory: ${at('a')}`),
  )
})

test('a file is replaced as a whole, and nothing but a regular file of this user is replaced', () => {
  replaceFile(at('state'), 'one', 0o600)
  replaceFile(at('state'), 'two', 0o600)
  expect(readFileSync(at('state'), 'utf8')).toBe('two')
  writeFileSync(at('precious'), 'text')
  symlinkSync(at('precious'), at('link'))
  const refused: [string, string][] = [
    [at('link'), 'a symbolic link'],
    [fifo(), 'a pipe'],
    ['/dev/null', 'a device'],
    [directory, 'a directory'],
  ]
  for (const [path, kind] of refused) {
    expect(() => replaceFile(path, 'x', 0o600)).toThrow(`it is ${kind}, which vnet`)
  }
  expect(lstatSync(at('link')).isSymbolicLink()).toBe(true)
  expect(readFileSync(at('precious'), 'utf8')).toBe('text')
})

test('the file in which a new text is prepared must be free or ours', () => {
  symlinkSync(at('elsewhere'), at('state.new'))
  expect(() => replaceFile(at('state'), 'x', 0o600)).toThrow('it is a symbolic link')
  expect([existsSync(at('elsewhere')), existsSync(at('state'))]).toEqual([false, false])
})

test.runIf(process.geteuid?.() === 0)("another user's file is not replaced", () => {
  writeFileSync(at('other'), 'text')
  chownSync(at('other'), 65534, 65534)
  expect(() => refuseForeign(at('other'))).toThrow(
    'it is a file of user 65534, which vnet does not replace',
  )
})
