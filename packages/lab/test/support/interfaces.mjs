/** Sends the names of the interfaces to the process or thread that has started this one. */
import { networkInterfaces } from 'node:os'
import { parentPort } from 'node:worker_threads'

const names = Object.keys(networkInterfaces())
if (parentPort) {
  parentPort.postMessage(names)
} else {
  process.send(names, () => process.disconnect())
}
