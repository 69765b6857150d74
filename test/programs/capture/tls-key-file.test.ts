import { execFileSync } from 'node:child_process'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { TlsKeyFile } from '#src/capture/tls-key-file.node.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
const path = join(directory, 'keys')
let warnings: string[]
let keys: TlsKeyFile

beforeEach(() => {
  warnings = []
  keys = new TlsKeyFile(path, text => warnings.push(text))
})
afterEach(() => keys.close())

/** The result of the next read, as text. */
async function read(isEnd = false): Promise<string | undefined> {
  const bytes = await keys.read(isEnd)
  return bytes && Buffer.from(bytes).toString()
}

test('a file that does not exist yet has no keys, and no warning', async () => {
  expect(await read()).toBeUndefined()
  writeFileSync(path, 'a\n')
  expect(await read()).toBe('a\n')
  expect(warnings).toEqual([])
})

test('whole lines are read once, as they are appended', async () => {
  writeFileSync(path, 'one\ntwo\nthr')
  expect([await read(), await read()]).toEqual(['one\ntwo\n', undefined])
  appendFileSync(path, 'ee\nfour')
  expect([await read(), await read()]).toEqual(['three\n', undefined])
  expect([await read(true), await read(true)]).toEqual(['four', undefined])
})

test('a long file is read in parts of whole lines', async () => {
  const line = `${'x'.repeat(99)}\n`
  writeFileSync(path, line.repeat(30_000))
  const parts: string[] = []
  for (let part = await read(true); part !== undefined; part = await read(true)) {
    parts.push(part)
  }
  expect(parts.join('')).toBe(line.repeat(30_000))
  for (const part of parts) {
    expect(part.length % 100).toBe(0)
  }
  expect(parts.length).toBeGreaterThan(2)
})

test('a line that is longer than a part is cut', async () => {
  writeFileSync(path, 'x'.repeat(1024 * 1024 + 5))
  expect((await read())?.length).toBe(1024 * 1024)
  expect([await read(), await read(true)]).toEqual([undefined, 'xxxxx'])
})

test('a file that was emptied, replaced or rewound is read from its beginning', async () => {
  writeFileSync(path, 'one\ntwo\n')
  expect(await read()).toBe('one\ntwo\n')
  writeFileSync(path, 'new\n')
  expect(await read()).toBe('new\n')
  writeFileSync(`${path}.other`, 'third\n')
  renameSync(`${path}.other`, path)
  expect([await read(), await read()]).toEqual([undefined, 'third\n'])
  keys.rewind()
  expect(await read()).toBe('third\n')
})

test('a path that is not a file is refused', () => {
  expect(() => new TlsKeyFile('/dev/null', () => {})).toThrow('--tls-keys /dev/null: not a file')
  expect(() => new TlsKeyFile(directory, () => {})).toThrow('not a file')
})

test('a FIFO in its place has no keys and does not block', async () => {
  execFileSync('mkfifo', [path])
  expect(await read()).toBeUndefined()
})

test('a file that cannot be read is reported once', async () => {
  const inside = join(path, 'inside')
  const below = new TlsKeyFile(inside, text => warnings.push(text))
  writeFileSync(path, '')
  expect([await below.read(), await below.read()]).toEqual([undefined, undefined])
  expect(warnings).toEqual([expect.stringContaining(`--tls-keys ${inside}: not a directory`)])
  expect(() => new TlsKeyFile(inside, () => {})).toThrow(UsageError)
})
