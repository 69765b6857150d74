/** When what is known of the vnets is asked anew: whenever their directory may have changed since. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Drivers } from '../../../src/control/exec/drivers.ts'
import { MemoryNetlink } from '../../support/memory-netlink.ts'

let directory: string
let now: number
let drivers: Drivers

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
