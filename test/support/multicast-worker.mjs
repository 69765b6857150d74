/**
 * Reads the groups of an interface in a worker thread, at home and in the namespace in
 * `workerData`.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { readMulticastList } from '../../dist/linux/links/state.js'
import { loadNative } from '../../dist/net.js'

const native = loadNative()
const { home, far, ifindex } = workerData
const lists = [home, far, home].map(path => {
  const nsfd = native.open(path, 0, -1)
  const { multicast: list } = readMulticastList(native, nsfd, ifindex)
  native.close(nsfd)
  return list.map(octets => Buffer.from(octets).toString('hex'))
})
parentPort.postMessage(lists)
