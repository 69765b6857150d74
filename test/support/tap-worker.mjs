/** Opens interfaces in the namespace that workerData names, and does with them what it names. */
import { parentPort, workerData } from 'node:worker_threads'
import { openTap } from '../../dist/tap.js'

const { netns, act } = workerData
const open = () => openTap({ netns, name: 'tw%d', queues: 2 })
const taps = [await open(), await open()]
// Terminated in the midst of it, at the latest in the loop.
if (act === 'close') {
  for (const tap of taps) {
    tap.close()
  }
}
if (act === 'open') {
  open()
}
parentPort.postMessage(act)
if (act === 'spin') {
  for (;;) {}
}
