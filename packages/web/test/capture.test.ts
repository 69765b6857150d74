/** GET /capture, with captures that the test makes. */
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EPERM, VnetError } from '#src/base/errno.ts'
import { UsageError } from '#src/base/usage-error.ts'
import type { CaptureRequest, CaptureStream, FoundDevice } from '#src/control/index.ts'
import { sendCapture } from '../src/server.ts'
import { type Served, served, TOKEN } from './served.ts'

const id = `${process.pid}//sn0`
const path = `/capture?device=${id}&token=${TOKEN}`

let web: Served
beforeEach(async () => {
  web = await served()
  web.vnet()
})
afterEach(() => web[Symbol.asyncDispose]())

/** Captures that send `parts`, and then nothing until they are closed. */
function capturing(...parts: readonly Uint8Array[]) {
  const asked: CaptureRequest[] = []
  let running = 0
  let changed = () => {}
  web.client.capture = async (_, options = {}) => {
    asked.push(options)
    running++
    let close = () => {}
    const closed = new Promise<void>(resolve => {
      close = resolve
    })
    async function* all(): AsyncGenerator<Uint8Array, undefined> {
      // One buffer for all parts, like in a real capture.
      const buffer = new Uint8Array(64)
      for (const part of parts) {
        buffer.set(part)
        yield buffer.subarray(0, part.length)
        buffer.fill(0)
      }
      await closed
      return undefined
    }
    const dispose = async () => {
      running--
      close()
      changed()
    }
    return {
      [Symbol.asyncIterator]: all,
      stop() {},
      [Symbol.asyncDispose]: dispose,
    } satisfies CaptureStream
  }
  const becomes = async (count: number) => {
    while (running !== count) {
      await new Promise<void>(resolve => {
        changed = resolve
      })
    }
  }
  return { asked, becomes }
}

test('a capture is sent as it comes, and ends when the client closes it', async () => {
  const { asked, becomes } = capturing(Uint8Array.of(1, 2), Uint8Array.of(3, 4, 5))
  const bytes: number[] = []
  const response = await web.open(`${path}&filter=${encodeURIComponent('tcp port 80')}`)
  expect(response.statusCode).toBe(200)
  expect(response.headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment; filename=vnet.pcapng',
    'x-content-type-options': 'nosniff',
  })
  await new Promise<void>(resolve => {
    response.on('data', (part: Buffer) => {
      bytes.push(...part)
      if (bytes.length === 5) {
        resolve()
      }
    })
  })
  expect(bytes).toEqual([1, 2, 3, 4, 5])
  expect(asked).toEqual([
    { devices: [expect.objectContaining({ name: 'sn0', ifindex: 7 })], filter: 'tcp port 80' },
  ])
  response.destroy()
  await becomes(0)
})

test('a capture that cannot start replies with the reason', async () => {
  web.client.capture = () =>
    Promise.reject(new VnetError(EPERM, ['CAPTURE', ''], 'only root may capture'))
  expect(await web.ask(path)).toMatchObject({ status: 400, text: 'only root may capture\n' })
  web.client.capture = () => Promise.reject(new UsageError("filter 'x\x1b': syntax error"))
  expect(await web.ask(path)).toMatchObject({
    status: 400,
    text: "filter 'x\\x1b': syntax error\n",
  })
  expect((await web.ask(`/capture?device=none&token=${TOKEN}`)).status).toBe(404)
})

test('at most eight captures run at a time', async () => {
  const { becomes } = capturing(Uint8Array.of(1))
  const open = await Promise.all(Array.from({ length: 8 }, () => web.open(path)))
  expect((await web.ask(path)).status).toBe(503)
  open[0]?.destroy()
  await becomes(7)
  await expect.poll(async () => (await web.open(path)).statusCode).toBe(200)
})

test('a capture whose client closes without reading ends, too', async () => {
  const { becomes } = capturing(Uint8Array.of(1))
  const response = new EventEmitter()
  const write = () => {
    queueMicrotask(() => response.emit('close'))
    return false
  }
  Object.assign(response, { write, writeHead() {}, end() {} })
  await sendCapture(web.client, { vnet: '' } as FoundDevice, undefined, response as ServerResponse)
  await becomes(0)
})
