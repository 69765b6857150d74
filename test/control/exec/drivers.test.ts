/** When what is known of the vnets is asked anew: whenever their directory may have changed since. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ownNamespace } from '../../../src/control/directory.ts'
import { Drivers } from '../../../src/control/exec/drivers.ts'
import { serveControl } from '../../../src/control/server.ts'
import { addDevice, memoryNets } from '../../support/memory-net.ts'
import { MemoryNetlink } from '../../support/memory-netlink.ts'

let directory: string
let now: number
let drivers: Drivers
const memoryNet = memoryNets()

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-drivers-'))
  now = 0
  drivers = new Drivers(new MemoryNetlink().native, directory, () => now)
})
afterEach(() => {
  drivers.close()
  rmSync(directory, { recursive: true })
})

/** Makes the directory's last change one of long ago. */
const settle = () => utimesSync(directory, 1000, 1000)

test('a directory that has not changed is not asked about again, one that has is', async () => {
  settle()
  expect(drivers.isChanged).toBe(true)
  await drivers.ask()
  expect(drivers.isChanged).toBe(false)
  writeFileSync(join(directory, 'new.json'), '')
  now += 2
  expect(drivers.isChanged).toBe(true)
})

test('a change of just now is asked about again: another may have come with it', async () => {
  await drivers.ask()
  now += 2
  expect(drivers.isChanged).toBe(true)
})

test('what is unknown is looked for again after a second, and what was wrong at once', async () => {
  settle()
  await drivers.ask()
  expect(drivers.isStale).toBe(false)
  now += 1001
  expect([drivers.isStale, drivers.isChanged]).toEqual([true, false])
  drivers.forget()
  expect(drivers.isChanged).toBe(true)
})

test('what is known of a device holds until the directory says otherwise; what was asked for last can still be had', async () => {
  const { native } = new MemoryNetlink()
  const memory = memoryNet()
  await addDevice(memory, {}, { name: 'vnet7' })
  using _server = serveControl(native, memory.net, { directory })
  settle()
  const mine = new Drivers(native, directory, () => now)
  const netns = ownNamespace('net')
  await mine.ask()
  expect(mine.known(netns, 'vnet7')?.device.name).toBe('vnet7')
  expect(mine.known(netns + 1, 'vnet7')).toBeUndefined()
  writeFileSync(join(directory, 'new.json'), '')
  now += 2
  expect(mine.known(netns, 'vnet7')).toBeUndefined()
  expect(mine.asked(netns, 'vnet7')?.device.name).toBe('vnet7')
  mine.close()
})
