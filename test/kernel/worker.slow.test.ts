/** A driver in a worker thread, which may be terminated at any moment without leftovers. */
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { ethernet } from '#support/frames.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'

const { netns } = freshNamespaces('netns')

const links = () => JSON.parse(netns.ip('-j link')).map((link: { ifname: string }) => link.ifname)
const descriptors = () => readdirSync('/proc/self/fd').length

test('terminating a worker amid traffic deletes its interfaces, time after time', async () => {
  const frame = ethernet(0x0800, 1000)
  let before = 0
  for (let round = 0; round < 4; round++) {
    const worker = new Worker(new URL('../support/snull-worker.mjs', import.meta.url), {
      workerData: netns.name,
    })
    expect(await once(worker, 'message')).toEqual(['ready'])
    expect(links()).toEqual(['lo', 'wk0', 'wk1'])
    using host = new PacketSocket(netns, 'wk0')
    for (let i = 0; i < 900; i++) {
      host.send(frame)
    }
    let going = true
    const terminated = worker.terminate().finally(() => {
      going = false
    })
    while (going && host.trySend(frame) === 0) {
      await new Promise(setImmediate)
    }
    expect(await terminated).toBe(1)
    expect(links()).toEqual(['lo'])
    host.close()
    // The first worker allocates what Node keeps for the next ones.
    if (round === 0) {
      before = descriptors()
    }
  }
  expect(descriptors()).toBeLessThanOrEqual(before)
})
