import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../src/base/usage-error.ts'
import { type CaptureOptions, capture } from '../src/capture.ts'
import { addDevice, memoryNets } from './support/memory-net.ts'

const makeNet = memoryNets()

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-capture-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

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

test('capture() refuses a list of nothing', () => {
  expect(() => capture([], join(directory, 'a.pcapng'))).toThrow('there is nothing to capture')
})
