/** Which vnet has an interface, by the files alone; and when those are read again. */
import { mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Announcement } from '../../../src/control/announcement.ts'
import { ownNamespace } from '../../../src/control/directory.ts'
import { Vnets } from '../../../src/control/exec/vnets.ts'

const HERE = ownNamespace('net')
let directory: string
let now: number
let vnets: Vnets

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-vnets-'))
  now = 0
  vnets = new Vnets({ directory }, () => now)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function announce(name: string, inode = HERE): Announcement {
  const announcement = new Announcement(directory)
  announcement.write([{ name, ifindex: 7, inode }])
  return announcement
}

/** Makes the directory's last change one of long ago. */
const settle = (seconds: number) => utimesSync(directory, seconds, seconds)

test('an interface is the one of that name in that namespace', () => {
  const { socket } = announce('vnet7', HERE + 1)
  expect(vnets.named(HERE, 'vnet7')).toBeUndefined()
  expect(vnets.named(HERE + 1, 'vnet7')).toMatchObject({ vnet: { vnet: socket }, device: { ifindex: 7 } })
})

test('vnets that are at home in a namespace come before those that have an interface there', () => {
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

test('after a change of just now they are read again: another may have come with it', () => {
  expect(vnets.named(HERE, 'vnet7')).toBeUndefined()
  announce('vnet7')
  now += 2
  expect(vnets.named(HERE, 'vnet7')).toBeDefined()
})

test('what turned out to be wrong is read again at once', () => {
  settle(1000)
  expect(vnets.named(HERE, 'vnet7')).toBeUndefined()
  announce('vnet7')
  settle(1000)
  vnets.forget()
  expect(vnets.named(HERE, 'vnet7')).toBeDefined()
})
