/** Finds the vnet of an interface by the files alone, and reads the files again when needed. */
import { utimesSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import { Announcement } from '#src/control/server/presence.ts'
import { ownNamespace } from '#src/control/sockets/directory.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { ReachableVnets } from '../src/vnets.ts'

const HERE = ownNamespace('net')
const directory = freshDirectory()
let now: number
let vnets: ReachableVnets

beforeEach(() => {
  now = 0
  vnets = new ReachableVnets({ directory }, () => now)
})

function announce(name: string, inode = HERE): Announcement {
  const announcement = new Announcement(directory)
  announcement.write([{ name, ifindex: 7, inode }])
  return announcement
}

/** Sets the time of the directory's last change, in seconds since 1970. */
const settle = (seconds: number) => utimesSync(directory, seconds, seconds)

test('an interface is found by its name and its network namespace', () => {
  const { socket } = announce('vnet7', HERE + 1)
  expect(vnets.named(HERE, 'vnet7')).toBeUndefined()
  expect(vnets.named(HERE + 1, 'vnet7')).toMatchObject({
    vnet: { vnet: socket },
    device: { ifindex: 7 },
  })
})

test('vnets that run in a namespace precede vnets that only have an interface there', () => {
  const [here, guest] = [announce('here'), announce('guest', HERE + 1)]
  const sockets = (netns: number) => vnets.serving(netns).map(({ vnet }) => vnet)
  expect(sockets(HERE + 1)).toEqual([guest.socket])
  expect(new Set(sockets(HERE))).toEqual(new Set([here.socket, guest.socket]))
})

test('the files are read again when the directory has changed, and not before', () => {
  settle(1000)
  expect(vnets.named(HERE, 'vnet7')).toBeUndefined()
  announce('vnet7')
  settle(1000)
  now += 2
  expect(vnets.named(HERE, 'vnet7')).toBeUndefined()
  settle(2000)
  now += 2
  expect(vnets.named(HERE, 'vnet7')).toBeDefined()
})

test('after a very recent change the files are read again, because another may have the same time stamp', () => {
  expect(vnets.named(HERE, 'vnet7')).toBeUndefined()
  announce('vnet7')
  now += 2
  expect(vnets.named(HERE, 'vnet7')).toBeDefined()
})

test('after forget() the files are read again immediately', () => {
  settle(1000)
  expect(vnets.named(HERE, 'vnet7')).toBeUndefined()
  announce('vnet7')
  settle(1000)
  vnets.forget()
  expect(vnets.named(HERE, 'vnet7')).toBeDefined()
})
