import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openCapture } from '../../src/capture/open.ts'
import { writeInterface, writePacket, writeSection } from '../../src/capture/pcapng-writer.ts'
import { LITTLE } from '../support/capture-bytes.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-capture-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Writes a file and returns its path. */
function saved(bytes: ArrayLike<number>): string {
  const path = join(directory, 'a.pcapng')
  writeFileSync(path, Uint8Array.from(bytes))
  return path
}

const descriptors = () => readdirSync('/proc/self/fd').length

test('a file of several chunks is read to its end, and then closed', () => {
  const bytes = new Uint8Array(100_000).fill(7)
  const packet = { seconds: 0, interfaceIndex: 0, bytes, at: 0, capturedLength: 100_000, originalLength: 100_000 }
  const to = new Uint8Array(4_000_000)
  let end = writeInterface(to, writeSection(to, 0))
  for (let i = 0; i < 30; i++) end = writePacket(to, end, { ...packet, nanoseconds: i })
  const path = saved(to.subarray(0, end))
  const before = descriptors()
  const file = openCapture(path)
  const times: number[] = []
  for (let record = file.next(); record !== undefined; record = file.next()) {
    expect(Buffer.compare(record.frame, bytes)).toBe(0)
    times.push(record.nanoseconds)
  }
  expect(times).toEqual(Array.from({ length: 30 }, (_, i) => i))
  expect(file.next()).toBeUndefined()
  expect(descriptors()).toBe(before)
})

test('a file that is not read to its end is closed at the end of the block', () => {
  const path = saved([...LITTLE.section(), ...LITTLE.interface(1, 0), ...LITTLE.packet(0, 0n, [1])])
  const before = descriptors()
  {
    using file = openCapture(path)
    expect(file.next()).toBeDefined()
    expect(descriptors()).toBe(before + 1)
  }
  expect(descriptors()).toBe(before)
})

test('an error begins with the path of the file', () => {
  const path = saved([...LITTLE.section(), ...LITTLE.interface(1, 0), ...LITTLE.packet(0, 0n, [1]).slice(0, -1)])
  using file = openCapture(path)
  expect(() => file.next()).toThrow(`${path}: truncated at byte 83: a block of 36 bytes begins at byte 48`)
})

test('a file that cannot be read is an error of the system', () => {
  expect(() => openCapture(join(directory, 'none'))).toThrow(/^ENOENT/)
  using file = openCapture(directory)
  expect(() => file.next()).toThrow(/^EISDIR/)
})
