/** Connections that root makes as another user. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Connection } from '../../src/control/connection.ts'
import { ListeningSocket } from '../../src/control/listening-socket.ts'
import { EACCES, EINVAL } from '../../src/core/errno.ts'
import { loadNative } from '../../src/kernel/native.ts'
import { sockaddrUn } from '../../src/kernel/uapi.ts'

const native = loadNative()
const listener = { onMessage() {}, onEnd() {} }
let directory: string
let listening: ListeningSocket | undefined

beforeEach(() => {
  directory = mkdtempSync('/run/vnet-connect-as-')
})

afterEach(() => {
  listening?.close()
  rmSync(directory, { recursive: true })
})

/** What this thread is: its uids, gids, groups and capabilities. */
function credentials(): string[] {
  return [...readFileSync('/proc/thread-self/status', 'utf8').matchAll(/^(?:Uid|Gid|Groups|Cap\w+):.*$/gm)].map(String)
}

test('connecting as another user takes that user’s rights, and the thread is root again', () => {
  const before = credentials()
  listening = ListeningSocket.open(native, join(directory, 'a.sock'), 0o666, () => {})
  const path = listening.path
  const connect = (uid: number, gid: number) => Connection.connect(native, path, listener, { as: { uid, gid } })
  // The directory is root's alone.
  expect(connect(4242, 4243)).toBe(-EACCES)
  expect(credentials()).toEqual(before)
  expect(native.connectAs(0, sockaddrUn(path) as Uint8Array, 0xffff_ffff, 0)).toBe(-EINVAL)
})

test('a connection as another user is that user’s for the server, and root’s own again for the next', () => {
  const before = credentials()
  chmodSync(directory, 0o755)
  listening = ListeningSocket.open(native, join(directory, 'a.sock'), 0o666, () => {})
  for (const as of [{ uid: 4242, gid: 4243 }, undefined]) {
    const client = Connection.connect(native, listening.path, listener, { as })
    const server = Connection.of(native, listening.accept(), listener)
    if (typeof client === 'number' || typeof server === 'number') throw new Error(`${client} ${server}`)
    expect(server.peer()).toEqual({ uid: 0, gid: 0, ...as, pid: process.pid })
    expect(client.peer()).toEqual({ uid: 0, gid: 0, pid: process.pid })
    client.close()
    server.close()
  }
  expect(credentials()).toEqual(before)
})
