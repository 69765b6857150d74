/** Requests of a program in a guest, with files in place of the FIFOs. */
import { Buffer } from 'node:buffer'
import fs, { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { replaceBuiltin } from '#support/builtin.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { stopMachine } from '../src/inside.ts'

test('a long request is written to its end, although a write may end early', () => {
  const directory = testDirectory()
  const [requests, reply] = ['requests', 'reply'].map(name => join(directory, name)) as [
    string,
    string,
  ]
  writeFileSync(reply, Buffer.from('\x04\0\0\0four', 'latin1'))
  const places = new Map([
    ['/dev/vnet-guest', requests],
    ['/dev/vnet-reply', reply],
  ])
  const { openSync, writeSync } = fs
  replaceBuiltin(fs, {
    openSync: (path, flags) => openSync(places.get(String(path)) ?? path, flags),
    /** As if a signal ended each write. */
    writeSync: (fd: number, text: unknown) => writeSync(fd, String(text).slice(0, 10)),
  })
  const why = 'x'.repeat(100_000)
  expect(stopMachine(why).toString()).toBe('four')
  expect(readFileSync(requests, 'utf8')).toBe(`stop ${why}\n`)
})
