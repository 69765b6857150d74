import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CaptureFile } from '../../src/linux/capture-file.ts'
import { LITTLE, readAll } from '../support/capture-bytes.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-captures-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const { section, interface: device, packet, block, option, u32, u64 } = LITTLE
const head = [...section(), ...device(1, 0)]

test('a stream is written as it is, whatever the size of its chunks', async () => {
  const path = join(directory, 'plain.pcapng')
  const stream = [...head, ...packet(0, 5n, [1, 2, 3]), ...packet(0, 6n, [4]), ...block(5, u32(0), u64(7n))]
  for (const size of [1, 7, 64, stream.length]) {
    await using file = new CaptureFile(path)
    const source = file.source()
    for (let at = 0; at < stream.length; at += size) await source.write(Uint8Array.from(stream.slice(at, at + size)))
    await file[Symbol.asyncDispose]()
    expect([...readFileSync(path)]).toEqual(stream)
    expect(file.frames).toBe(2)
  }
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a ring keeps the last files, each of which is whole', async () => {
  const path = join(directory, 'ring.pcapng')
  {
    await using file = new CaptureFile(path, {
      ring: { files: 3, bytes: 600 },
      wallTime: () => ({ seconds: 0, nanoseconds: 0 }),
    })
    const source = file.source()
    await source.write(Uint8Array.from(head))
    for (let i = 0; i < 50; i++)
      await source.write(Uint8Array.from(packet(0, BigInt(i), [i], option(5, u64(BigInt(i))))))
  }
  const names = readdirSync(directory).filter(name => name.startsWith('ring'))
  expect(names).toHaveLength(3)
  const read = names.map(name => readAll(readFileSync(join(directory, name))))
  expect(read.flatMap(({ packets }) => packets.map(({ packetId }) => packetId)).at(-1)).toBe(49)
  expect(read.every(({ error }) => error === undefined)).toBe(true)
})
