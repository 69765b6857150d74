import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadNative } from '#src/linux/native.ts'
import { onReaderGone } from '#src/linux/pipe-reader.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const native = loadNative()
const directory = freshDirectory()

/** The two ends of a pipe. */
function pipe(): { reader: number; writer: number } {
  const path = join(directory, 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reader, writer: openSync(path, 'w') }
}

test('the end of the last reader of a pipe is reported once, though nothing is written', async () => {
  const { reader, writer } = pipe()
  let notified = 0
  const gone = new Promise<void>(resolve => {
    onReaderGone(native, writer, () => {
      notified++
      resolve()
    })
  })
  // A write that is not read yet reports nothing.
  writeSync(writer, 'x')
  await new Promise(resolve => setImmediate(resolve))
  expect(notified).toBe(0)
  closeSync(reader)
  await gone
  await new Promise(resolve => setImmediate(resolve))
  expect(notified).toBe(1)
  closeSync(writer)
})

test('a disposed reader reports nothing, and neither does a file', async () => {
  const { reader, writer } = pipe()
  let notified = 0
  onReaderGone(native, writer, () => notified++)[Symbol.dispose]()
  closeSync(reader)
  const file = openSync(join(directory, 'file'), 'w')
  onReaderGone(native, file, () => notified++)[Symbol.dispose]()
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  expect(notified).toBe(0)
  for (const fd of [writer, file]) {
    closeSync(fd)
  }
})
