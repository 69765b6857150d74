import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { type CaptureOptions, capture, PcapngWriter } from '#src/capture.ts'
import { readAll } from './support/capture-bytes.ts'
import { freshDirectory } from './support/fresh-directory.ts'
import { addDevice, memoryNets } from './support/memory-net.ts'

const makeNet = memoryNets()

const directory = freshDirectory()

test.each<[CaptureOptions, RegExp]>([
  [{ snaplen: 0 }, /^snaplen: /],
  [{ snaplen: -1 }, /^snaplen: /],
  [{ snaplen: 1.5 }, /^snaplen: /],
  [{ snaplen: Number.NaN }, /^snaplen: /],
  [{ ring: { files: 0, bytes: 100_000 } }, /^ring: /],
  [{ ring: { files: 2, bytes: Number.NaN } }, /^ring: /],
  [{ filter: 'tcp port' }, /filter/],
])('capture() refuses the options %j before it makes the file', async (options, message) => {
  const { dev } = await addDevice(makeNet())
  const file = join(directory, 'a.pcapng')
  const refused = expect(() => capture(dev, file, options))
  refused.toThrow(UsageError)
  refused.toThrow(message)
  expect(existsSync(file)).toBe(false)
})

test('capture() refuses an empty list', () => {
  expect(() => capture([], join(directory, 'a.pcapng'))).toThrow('there is nothing to capture')
})

test('a PcapngWriter makes a file of copies of the frames, with their times', async () => {
  const writer = new PcapngWriter({ name: 'watch0', linkType: 101 })
  const frame = Uint8Array.of(0, 1, 2, 3, 4)
  writer.add(frame, 1, 3, 1_700_000_000_123_456_789n)
  frame.fill(9)
  writer.add(frame, 0, 2, { seconds: 5, nanoseconds: 6 })
  const before = Math.floor(Date.now() / 1000) - 1
  writer.add(frame)
  writer.end()
  const file = Buffer.concat(await writer.toArray())
  expect(file.includes('watch0')).toBe(true)
  const read = readAll(file)
  expect(read).toMatchObject({
    packets: [
      {
        linkType: 101,
        seconds: 1_700_000_000,
        nanoseconds: 123_456_789,
        frame: [1, 2, 3],
        originalLength: 3,
      },
      { seconds: 5, nanoseconds: 6, frame: [9, 9] },
      { frame: [9, 9, 9, 9, 9] },
    ],
  })
  expect(read.packets[2]?.seconds).toBeGreaterThanOrEqual(before)
})

test.each([
  [-1, 1],
  [0, 6],
  [3, 3],
  [0, -1],
  [0, Number.NaN],
])('a PcapngWriter refuses a frame outside of its bytes, at %d with %d', (at, length) => {
  expect(() => new PcapngWriter().add(new Uint8Array(5), at, length)).toThrow(RangeError)
})

test('a PcapngWriter says that its reader is behind, and refuses times before 1970', () => {
  const writer = new PcapngWriter()
  while (writer.add(new Uint8Array(1000))) {
    // It has room for more.
  }
  expect(writer.readableLength).toBeGreaterThanOrEqual(writer.readableHighWaterMark)
  expect(() => writer.add(new Uint8Array(1), 0, 1, -1n)).toThrow(RangeError)
})
