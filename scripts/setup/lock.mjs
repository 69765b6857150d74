/**
 * One set-up at a time in a tree. The lock is a listening socket in the abstract namespace, named
 * after the tree. The kernel removes it with its process, so no stale file remains, and a waiting
 * process sees the end of the connection.
 */

import { connect, createServer } from 'node:net'

/** Runs `work` while no other process holds the lock called `name`. */
export async function withLock(name, work) {
  const address = `\0${name}`
  let lock = await tryListen(address)
  while (lock === undefined) {
    await closed(address)
    lock = await tryListen(address)
  }
  const waiting = new Set()
  lock.on('connection', socket => waiting.add(socket.on('error', () => {})))
  try {
    return await work()
  } finally {
    for (const socket of waiting) socket.destroy()
    lock.close()
  }
}

function tryListen(address) {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', error => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(address, () => resolve(server))
  })
}

/** Resolves when the listener at `address` closes the connection, or if there is no listener. */
function closed(address) {
  return new Promise(resolve => {
    const socket = connect(address).resume()
    socket.on('error', () => {})
    socket.on('close', resolve)
  })
}
