/** The chunks of files and pipes. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ReplayInput } from '#src/cli/replay/input.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { openFiles } from '#support/open-files.ts'

const directory = fileDirectory()

/** All bytes, copied chunk by chunk like by a reader. */
async function all(chunks: AsyncIterator<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = []
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    copies.push(Buffer.from(next.value))
  }
  return Buffer.concat(copies)
}

const bytes = Buffer.from(Array.from({ length: 700_001 }, (_, i) => (i * 7919) >>> 8))

test('the chunks of a file are the file, again from the beginning each time', async () => {
  const path = join(directory, 'a')
  writeFileSync(path, bytes)
  using input = new ReplayInput(path)
  expect([input.name, input.size, input.repeats]).toEqual([path, bytes.length, true])
  for (let pass = 0; pass < 2; pass++) {
    expect(bytes.equals(await all(input.chunks()))).toBe(true)
  }
})

test.each([
  ['directory', directory],
  ['device', '/dev/null'],
])('a %s is refused, and closed', (kind, path) => {
  const before = openFiles('/proc/self/fd').filter(file => file === path)
  expect(() => new ReplayInput(path)).toThrow(`${path}: it is a ${kind}, not a capture`)
  expect(openFiles('/proc/self/fd').filter(file => file === path)).toEqual(before)
})

test('a file may be closed while it is read ahead', async () => {
  const path = join(directory, 'b')
  writeFileSync(path, bytes)
  using input = new ReplayInput(path)
  const chunks = input.chunks()
  expect((await chunks.next()).value?.length).toBe(256 * 1024)
})

test('a FIFO is opened before it has a writer, and read to its end', async () => {
  const path = join(directory, 'c')
  execFileSync('mkfifo', [path])
  using input = new ReplayInput(path)
  expect([input.size, input.repeats]).toEqual([undefined, false])
  const read = all(input.chunks())
  const writer = await open(path, 'w')
  await writer.write(bytes.subarray(0, 100_000))
  await writer.close()
  expect(bytes.subarray(0, 100_000).equals(await read)).toBe(true)
})

test('a device is refused by one line', () => {
  expect(() => new ReplayInput('/dev/null')).toThrow('/dev/null: it is a device, not a capture')
})
