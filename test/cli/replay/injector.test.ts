/** Frames for a running vnet: batches, back-pressure and errors, with a client of the test. */
import { expect, test } from 'vitest'
import { ENETDOWN, VnetError } from '#src/base/errno.ts'
import { ReplayCounts } from '#src/cli/replay/counts.ts'
import { Injector } from '#src/cli/replay/injector.ts'
import { numbered } from '#support/memory-net.ts'

const device = { vnet: '/run/vnet/1.sock', ifindex: 2, name: 'one', netns: undefined }

/** An injector, and its requests, which the test ends. */
function injecting(mtu = 1500) {
  const requests: {
    frames: readonly Uint8Array[]
    end(refused?: number): void
    fail(error: Error): void
  }[] = []
  const client = {
    inject: (_: string, __: object, frames: readonly Uint8Array[]) =>
      new Promise<{ refused: number }>((resolve, reject) => {
        requests.push({ frames, end: (refused = 0) => resolve({ refused }), fail: reject })
      }),
  }
  const counts = new ReplayCounts()
  const injector = new Injector(client, device, mtu, counts)
  const offer = (frame: Uint8Array) => injector.offer(frame, 0, frame.length)
  return { requests, counts, injector, offer }
}

test('frames are sent by 128, and the next request waits for the reply to the one before', async () => {
  const { requests, counts, injector, offer } = injecting()
  const taken = numbered(255).findIndex(frame => !offer(frame))
  expect([taken, requests.map(({ frames }) => frames.length)]).toEqual([-1, [128]])
  expect([offer(numbered(1)[0]!), offer(numbered(1)[0]!), counts.sent]).toEqual([true, false, 0])
  requests[0]?.end()
  await injector.room()
  expect([offer(numbered(1)[0]!), requests.length, counts.sent, counts.bytes]).toEqual([
    true,
    2,
    128,
    128 * 60,
  ])
  expect(requests.map(({ frames }) => frames.length)).toEqual([128, 128])
})

test('a request has at most 60,000 bytes', async () => {
  const { requests, offer } = injecting()
  for (let i = 0; i < 40; i++) {
    offer(new Uint8Array(1500))
  }
  expect(requests.map(({ frames }) => frames.length)).toEqual([39])
})

test('a flush sends the waiting frames immediately, or right after the current request', async () => {
  const { requests, counts, injector, offer } = injecting()
  const [one, two] = numbered(2) as [Uint8Array, Uint8Array]
  offer(one)
  expect(requests).toEqual([])
  injector.flush()
  offer(two)
  injector.flush()
  expect(requests.map(({ frames }) => frames)).toEqual([[one]])
  requests[0]?.end()
  await injector.room()
  expect(requests.map(({ frames }) => frames)).toEqual([[one], [two]])
  const drained = injector.drained()
  requests[1]?.end()
  await drained
  expect(counts.sent).toBe(2)
})

test('a frame is copied when it is offered', () => {
  const { requests, injector } = injecting()
  const bytes = Uint8Array.of(9, 1, 2, 3, 9)
  injector.offer(bytes, 1, 3)
  bytes.fill(0)
  injector.flush()
  expect(requests[0]?.frames).toEqual([Uint8Array.of(1, 2, 3)])
})

test('refused frames count as failed', async () => {
  const { requests, counts, injector, offer } = injecting(100)
  for (const length of [60, 119]) {
    offer(new Uint8Array(length))
  }
  const drained = injector.drained()
  requests[0]?.end(1)
  await drained
  expect(counts.summary(1)).toEqual([
    'sent 1 frames, 60 bytes in 1.00 s: 1 frames/s, 0.00 Mbit/s',
    'failed 1: 1 longer than the MTU of 100',
  ])
})

test('an error of the vnet ends it: all that waits counts as failed', async () => {
  const { requests, counts, injector, offer } = injecting()
  for (const frame of numbered(200)) {
    offer(frame)
  }
  requests[0]?.fail(new VnetError(ENETDOWN, ['INJECT', 'one']))
  await expect(injector.room()).rejects.toMatchObject({ code: 'ENETDOWN' })
  expect(() => offer(numbered(1)[0]!)).toThrow('ENETDOWN')
  await expect(injector.drained()).rejects.toMatchObject({ code: 'ENETDOWN' })
  expect([counts.failed.total, counts.sent]).toEqual([200, 0])
})
