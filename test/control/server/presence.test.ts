/** The file by which clients find the interfaces of a vnet. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readDirectories } from '../../../src/control/protocol/directory.ts'
import { namedDirectory } from '../../../src/control/protocol/run-directory.ts'
import { Presence } from '../../../src/control/server/presence.ts'
import { loadNative } from '../../../src/linux/native.ts'
import type { NetDevice } from '../../../src/netdev/net-device.ts'
import { freshDirectory } from '../../support/fresh-directory.ts'
import { addDevice, memoryNets } from '../../support/memory-net.ts'

const makeNet = memoryNets()
const root = freshDirectory()

test('the link of a lab that is made later has the namespace of its interface, which its port knows', async () => {
  const memory = makeNet()
  const directory = join(root, 'vnet')
  const namespaceOf = ({ port }: NetDevice) => (port === undefined ? undefined : { inode: 77 })
  const presence = new Presence(loadNative(), memory.net, { directory, namespaceOf, isLab: true }, () => {})
  await addDevice(memory)
  const [{ interfaces } = { interfaces: [] }] = readDirectories(namedDirectory(directory))
  await presence.remove()
  expect(interfaces.map(({ inode }) => inode)).toEqual([77])
})
