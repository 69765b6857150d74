/** Reads, in a worker thread, the groups of an interface at home and in the namespace that `workerData` names. */
import { parentPort, workerData } from 'node:worker_threads'
import { readMulticastList } from '../../dist/kernel/multicast-list.js'
import { loadNative } from '../../dist/tap.js'

const native = loadNative()
const { home, far, ifindex } = workerData
const lists = [home, far, home].map(path => {
  const nsfd = native.open(path, 0, -1)
  const list = readMulticastList(native, nsfd, ifindex)
  native.close(nsfd)
  return list.map(octets => Buffer.from(octets).toString('hex'))
})
parentPort.postMessage(lists)
