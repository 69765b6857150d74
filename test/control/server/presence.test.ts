/** The file by which clients find the interfaces of a vnet. */
import { rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Presence } from '#src/control/server/presence.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { loadNative } from '#src/linux/native.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { addDevice, memoryNets } from '#support/memory-net.ts'

const makeNet = memoryNets()
const root = freshDirectory()

test('the link of a lab that is made later has the namespace of its interface, which its port knows', async () => {
  const memory = makeNet()
  const directory = join(root, 'vnet')
  const namespaceOf = ({ port }: NetDevice) => (port === undefined ? undefined : { inode: 77 })
  const presence = new Presence(
    loadNative(),
    memory.net,
    { directory, namespaceOf, isLab: true },
    () => {},
  )
  await addDevice(memory)
  const [{ interfaces } = { interfaces: [] }] = readDirectories(namedDirectory(directory))
  await presence.remove()
  expect(interfaces.map(({ inode }) => inode)).toEqual([77])
})

test('a directory that the last other vnet removes before the socket is bound is made again', async () => {
  const directory = join(root, 'removed')
  const native = loadNative()
  let binds = 0
  const bind: typeof native.bind = (fd, address) => {
    if (binds++ === 0) {
      rmdirSync(directory)
    }
    return native.bind(fd, address)
  }
  const presence = new Presence(
    Object.assign(Object.create(native), { bind }),
    makeNet().net,
    { directory },
    () => {},
  )
  const found = readDirectories(namedDirectory(directory))
  await presence.remove()
  expect([binds, found.length]).toEqual([2, 1])
})
