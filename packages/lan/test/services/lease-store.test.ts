import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { LOGLEVEL_INFO, Log } from '#src/base/log.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import type { Lease } from '../../src/services/dhcp/lease.ts'
import { leasesFileIfAny, usualLeases } from '../../src/services/leases-file.ts'

const directory = freshDirectory()
let lines: string[]
beforeEach(() => {
  lines = []
})

const log = new Log(LOGLEVEL_INFO, (_, text) => lines.push(text))
const lease: Lease = {
  address: 0xc6120064,
  mac: '02:00:00:00:00:01',
  clientId: undefined,
  hostname: undefined,
  state: 'bound',
  expires: 1e12,
}

test('a file is created with its directory and read by the next run', async () => {
  const path = join(directory, 'lib', 'vnet', 'eth9.leases')
  const store = leasesFileIfAny(path, log)
  expect(store.load()).toEqual([])
  await store.save([lease])
  expect(readFileSync(path, 'utf8')).toContain('198.18.0.100')
  expect(leasesFileIfAny(path, log).load()).toEqual([lease])
  expect(lines).toEqual([])
})

test('a file that cannot be created is logged once, and leases are not stored from then on', () => {
  writeFileSync(join(directory, 'lib'), '')
  const store = leasesFileIfAny(join(directory, 'lib', 'eth9.leases'), log)
  expect(store.load()).toEqual([])
  rmSync(join(directory, 'lib'))
  expect(store.load()).toEqual([])
  store.save([lease])
  expect(readdirSync(directory)).toEqual([])
  expect(lines).toEqual([expect.stringMatching(/^leases are not stored: .*not a directory/)])
})

test('a malformed file is refused', () => {
  const path = join(directory, 'eth9.leases')
  writeFileSync(path, '{')
  expect(() => leasesFileIfAny(path, log).load()).toThrow(/correct the file, or remove it/)
})

test('leases of an interface in another namespace are not stored, and nothing is logged', () => {
  const store = usualLeases('eth9', 'far', log)
  store.save([lease])
  expect([store.load(), lines]).toEqual([[], []])
})
