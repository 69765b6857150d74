import { expect, test } from 'vitest'
import { Drain } from '#src/capture/recording.node.ts'
import { turn } from '#support/memory-net.ts'

/** A capture of which `put` makes more wait. */
class FakeCapture {
  waiting = Buffer.alloc(0)
  closes = 0
  atClose = ''

  put(text: string): void {
    this.waiting = Buffer.concat([this.waiting, Buffer.from(text)])
  }

  peek(): Uint8Array {
    return this.waiting
  }

  consume(length: number): void {
    this.waiting = this.waiting.subarray(length)
  }

  close(): void {
    if (this.closes++ === 0) {
      this.put(this.atClose)
    }
  }
}

const fail = (error: unknown) => expect.fail(String(error))

test('waiting packets are written in order, one write at a time, even those that arrive meanwhile', async () => {
  const capture = new FakeCapture()
  const written: string[] = []
  let running = 0
  const drain = new Drain(
    capture,
    {
      async write(bytes) {
        expect(++running).toBe(1)
        written.push(Buffer.from(bytes).toString())
        if (written.length === 1) {
          capture.put('b')
        }
        drain.wake()
        await Promise.resolve()
        running--
      },
    },
    fail,
  )
  capture.put('a')
  drain.wake()
  drain.wake()
  capture.atClose = 'end'
  await drain.close()
  expect(written.join('')).toBe('abend')
  expect(capture.waiting).toHaveLength(0)
})

test('bytes that arrive during a write are written when the capture notifies again, or at the end', async () => {
  const capture = new FakeCapture()
  const written: string[] = []
  const sink = {
    async write(bytes: Uint8Array) {
      written.push(Buffer.from(bytes).toString())
      if (written.length < 3) {
        capture.put(`${written.length}`)
      }
    },
  }
  const drain = new Drain(capture, sink, fail)
  capture.put('0')
  drain.wake()
  await turn()
  expect(written).toEqual(['0'])
  drain.wake()
  await turn()
  expect(written).toEqual(['0', '1'])
  await drain.close()
  expect(written).toEqual(['0', '1', '2'])
})

test('many bytes are written in parts, so that the room of each part is free early', async () => {
  const capture = new FakeCapture()
  const sizes: number[] = []
  const left: number[] = []
  const sink = {
    async write({ length }: Uint8Array) {
      sizes.push(length)
      left.push(capture.waiting.length)
    },
  }
  capture.put('x'.repeat(2.5 * 1024 * 1024))
  await new Drain(capture, sink, fail).close()
  expect(sizes).toEqual([1024 * 1024, 1024 * 1024, 512 * 1024])
  expect(left).toEqual([2.5 * 1024 * 1024, 1.5 * 1024 * 1024, 512 * 1024])
})

test('a write that fails closes the capture, is reported once, and nothing more is written', async () => {
  const capture = new FakeCapture()
  const errors: unknown[] = []
  let writes = 0
  const sink = {
    async write() {
      writes++
      throw new Error('full')
    },
  }
  const drain = new Drain(capture, sink, error => errors.push(error))
  capture.put('a')
  drain.wake()
  await drain.close()
  capture.put('b')
  await drain.close()
  expect({ errors: errors.map(String), writes, waiting: capture.waiting.length }).toEqual({
    errors: ['Error: full'],
    writes: 1,
    waiting: 0,
  })
  expect(capture.closes).toBeGreaterThan(0)
})
