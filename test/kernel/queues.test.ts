/** Queues on a real TAP: flows spread over all of them, and each stays in order, also while the host steers it anew. */
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OwnNetns } from '../support/netns.ts'
import { startVnet, stopConserved } from '../support/vnet-process.ts'

const FLOWS = 64
const COUNT = 250
const pause = new Int32Array(new SharedArrayBuffer(4))

const client = fileURLToPath(new URL('../support/udp-flows.mjs', import.meta.url))
let own: OwnNetns

beforeEach(() => {
  own = new OwnNetns()
})
afterEach(() => own.remove())

test.each([
  ['with offloads', []],
  ['without offloads', ['--no-offload']],
])('%s flows use all four queues and are never reordered', async (_, offload) => {
  const netns = own.add()
  const vnet = await startVnet(['--netns', netns.name, '--json', ...offload])
  let done = false
  const command = [process.execPath, client, '198.18.0.1', '198.18.1.2', '198.18.0.2', FLOWS, COUNT].join(' ')
  const flows = netns.run(command).finally(() => {
    done = true
  })
  // Keeps the driver, which is in this process, from its queues after every turn: what waits there is then more than it
  // takes in one, and would come after younger frames that had gone by another queue.
  while (!done) {
    Atomics.wait(pause, 0, 0, 2)
    await turn()
  }
  const { stdout, stderr } = await flows
  expect(stderr).toBe('')
  const all = { arrived: FLOWS * COUNT, late: 0 }
  expect(JSON.parse(stdout)).toEqual({ there: all, back: all })

  const { queues, rxQueues, total } = (await stopConserved(vnet)).vnet0!
  expect([queues.length, rxQueues]).toEqual([4, 2])
  // A whole flow's frames at least, both ways: flows stay where they are.
  for (const queue of queues) expect(queue.txPackets).toBeGreaterThanOrEqual(2 * COUNT)
  expect(queues.reduce((n, queue) => n + queue.txPackets, 0)).toBe(total.txPackets)
  // A frame of transmit queue q goes by receive ring q % 2.
  for (const q of [0, 1]) {
    const both = [queues[q]!, queues[q + 2]!]
    expect(queues[q]!.rxPackets).toBe(both.reduce((n, { txPackets, txDropped }) => n + txPackets - txDropped, 0))
    expect(queues[q + 2]!.rxPackets).toBe(0)
  }
})
