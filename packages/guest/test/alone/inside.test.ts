/** Requests of a program in a guest, with files in place of the FIFOs. */
import { Buffer } from 'node:buffer'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { stopMachine } from '../../src/inside.ts'

const places = new Map<string, string>()

vi.mock('node:fs', async original => {
  const fs = await original<typeof import('node:fs')>()
  return {
    ...fs,
    openSync: (path: string, flags: string) => fs.openSync(places.get(path) ?? path, flags),
    /** As if a signal ended each write. */
    writeSync: (fd: number, text: string) => fs.writeSync(fd, text.slice(0, 10)),
  }
})

test('a long request is written to its end, although a write may end early', () => {
  const directory = testDirectory()
  const [requests, reply] = ['requests', 'reply'].map(name => join(directory, name)) as [
    string,
    string,
  ]
  places.set('/dev/vnet-guest', requests).set('/dev/vnet-reply', reply)
  writeFileSync(reply, Buffer.from('\x04\0\0\0four', 'latin1'))
  const why = 'x'.repeat(100_000)
  expect(stopMachine(why).toString()).toBe('four')
  expect(readFileSync(requests, 'utf8')).toBe(`stop ${why}\n`)
})
