/** Which namespace the addresses of a found device are read from. */
import { fstatSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { addressesOf } from '#src/control/client/addresses.ts'
import { ownNamespace } from '#src/control/sockets/directory.ts'
import { O_RDONLY } from '#src/linux/uapi.ts'
import { OwnNetns, processIn } from '#support/netns.ts'
import { openFiles } from '#support/open-files.ts'

const made = new OwnNetns()
afterEach(() => made.remove())

test('a device of another namespace is not shown with the addresses of its namesake in this one', async () => {
  const [red, blue] = [made.addQuiet(), made.addQuiet()]
  for (const [netns, address] of [
    [red, '198.18.1.1/32'],
    [blue, '198.18.2.1/32'],
  ] as const) {
    netns.ip(`addr add ${address} dev lo`)
  }
  // lo has the same name, index and MAC in both, like interfaces of a driver with a fixed MAC.
  const lo = { name: 'lo', ifindex: 1, mac: '00:00:00:00:00:00', netns: undefined }
  expect(addressesOf({ ...lo, pid: await processIn(red) })).toEqual(['198.18.1.1/32'])
  expect(addressesOf({ ...lo, pid: await processIn(blue) })).toEqual(['198.18.2.1/32'])
})

test('addresses in this namespace are read without entering that of a process', () => {
  const inode = ownNamespace('net')
  const own = addressesOf({ name: 'lo', netns: undefined, pid: process.pid })
  expect(own).toBeDefined()
  const lo = { name: 'lo', netns: undefined, pid: undefined }
  expect(addressesOf({ ...lo, namespace: { inode } })).toEqual(own)
  // The kernel gives the number of a removed namespace to another, but not its cookie.
  expect(addressesOf({ ...lo, namespace: { inode, cookie: 1e15 } })).toBeUndefined()
  expect(addressesOf({ ...lo, namespace: { inode: inode + 1 } })).toBeUndefined()
  expect(addressesOf(lo)).toBeUndefined()
})

test('the addresses of a host of a lab are read without leaving a descriptor open', async () => {
  const netns = made.addQuiet()
  netns.ip('addr add 198.18.1.1/32 dev lo')
  // A lab has the namespaces of its hosts open, and they have no name.
  const held = made.own(made.native.open(`/proc/${await processIn(netns)}/ns/net`, O_RDONLY, -1))
  const { ino: inode } = fstatSync(held)
  const device = { name: 'lo', netns: 'lab:client', pid: process.pid, namespace: { inode } }
  const before = openFiles('/proc/self/fd')
  expect(addressesOf(device)).toEqual(['198.18.1.1/32'])
  expect(openFiles('/proc/self/fd')).toEqual(before)
})
