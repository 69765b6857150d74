/** Connections that root makes as another user. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EACCES, EINVAL } from '#src/base/errno.ts'
import { ListeningSocket } from '#src/control/server/listening-socket.ts'
import { Connection } from '#src/control/sockets/connection.ts'
import { loadNative } from '#src/linux/native.ts'
import { sockaddrUn } from '#src/linux/uapi.ts'

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

/** The uids, gids, groups and capabilities of this thread. */
function credentials(): string[] {
  return [
    ...readFileSync('/proc/thread-self/status', 'utf8').matchAll(
      /^(?:Uid|Gid|Groups|Cap\w+):.*$/gm,
    ),
  ].map(String)
}

test('connectAs uses the rights of the other user, and the thread is root again afterwards', () => {
  const before = credentials()
  listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o666, () => {})
  const path = listening.path
  const connect = (uid: number, gid: number) =>
    Connection.connect(native, path, listener, { uid, gid })
  // Only root may enter the directory.
  expect(connect(4242, 4243)).toBe(-EACCES)
  expect(credentials()).toEqual(before)
  expect(native.connectAs(0, sockaddrUn(path) as Uint8Array, 0xffff_ffff, 0)).toBe(-EINVAL)
})

test('the server sees the other user on that connection, and root on the next', () => {
  const before = credentials()
  chmodSync(directory, 0o755)
  listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o666, () => {})
  for (const as of [{ uid: 4242, gid: 4243 }, undefined]) {
    const client = Connection.connect(native, listening.path, listener, as)
    const server = Connection.of(native, listening.accept(), listener)
    if (typeof client === 'number' || typeof server === 'number') {
      throw new Error(`${client} ${server}`)
    }
    expect(server.peer()).toEqual({ uid: 0, gid: 0, ...as, pid: process.pid })
    expect(client.peer()).toEqual({ uid: 0, gid: 0, pid: process.pid })
    client.close()
    server.close()
  }
  expect(credentials()).toEqual(before)
})
