/** How another process opens the namespace of a host, by the descriptors of the lab's process. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { loadNative } from '#src/linux/native.ts'
import { openHost, type RunningHost } from '../src/commands/running-labs.ts'

const NETNS = '/proc/self/ns/net'

/** Opens and closes a descriptor again and again, of the lowest free number. */
const OPENS = `
  const { closeSync, openSync } = require('node:fs')
  const { parentPort } = require('node:worker_threads')
  parentPort.postMessage('started')
  for (;;) closeSync(openSync('${NETNS}', 'r'))`

test('the namespace of a host is opened while the lab closes another descriptor of it', async () => {
  const native = loadNative()
  // The number of the other descriptor, which is found first.
  const lower = openSync('/dev/null', 'r')
  const nsfd = openSync(NETNS, 'r')
  const { ino: inode } = fstatSync(nsfd)
  const worker = new Worker(OPENS, { eval: true })
  try {
    await new Promise(resolve => worker.once('message', resolve))
    closeSync(lower)
    const hosts = new Map([['client', [{ name: 'eth0', ifindex: 2, inode }]]])
    const host: RunningHost = {
      lab: { name: 'lab', id: `lab-${process.pid}`, pid: process.pid, uid: 0, vnet: '', hosts },
      host: 'client',
    }
    for (let i = 0; i < 5000; i++) {
      const opened = openHost(native, host)
      expect(fstatSync(opened).ino).toBe(inode)
      expect(native.close(opened)).toBe(0)
    }
  } finally {
    await worker.terminate()
    closeSync(nsfd)
  }
})
