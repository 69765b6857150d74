import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { UsageError } from '../src/base/usage-error.ts'
import { type CaptureOptions, capture } from '../src/capture.ts'
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
