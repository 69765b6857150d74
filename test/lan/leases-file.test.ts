/** The file of leases: what is saved is loaded, what is broken is refused and left as it is. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { leasesFile } from '../../src/lan/leases-file.ts'
import type { Lease } from '../../src/segment/dhcp/lease.ts'
import { DhcpBed, DhcpClient, ip } from '../support/dhcp.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vnet-leases-'))
  path = join(dir, 'leases.json')
})
afterEach(() => rmSync(dir, { recursive: true }))

const MAC = '02:00:00:00:00:01'
const lease = (address: string, more: Partial<Lease> = {}): Lease => ({
  ...{ address: ip(address), mac: MAC, clientId: undefined, hostname: undefined, state: 'bound', expires: 1e12 },
  ...more,
})

test('leases come back as they were saved', () => {
  const leases = [
    lease('198.18.0.100', { clientId: 'ff:00', hostname: 'box' }),
    lease('198.18.0.101', { expires: Number.POSITIVE_INFINITY, mac: '32-02:00' }),
    lease('198.18.0.102', { state: 'free', mac: '', clientId: '01' }),
    lease('198.18.0.103', { state: 'declined' }),
  ]
  leasesFile(path).save(leases)
  expect(leasesFile(path).load()).toEqual(leases)
})

test('a file is made where there is none, for everybody to read, and nothing else is left beside it', () => {
  const before = process.umask(0o077)
  try {
    expect(leasesFile(path).load()).toEqual([])
  } finally {
    process.umask(before)
  }
  expect(statSync(path).mode & 0o777).toBe(0o644)
  writeFileSync(`${path}.new`, 'of a run that was killed')
  const store = leasesFile(path)
  store.load()
  store.save([lease('198.18.0.100')])
  expect(readdirSync(dir)).toEqual(['leases.json'])
})

test('a change replaces the file: who reads the old one goes on reading it', () => {
  const store = leasesFile(path)
  store.save([])
  const { ino } = statSync(path)
  store.save([lease('198.18.0.100')])
  expect(statSync(path).ino).not.toBe(ino)
})

test('what a server acknowledged is in the file, for the next one', () => {
  const bed = new DhcpBed({}, leasesFile(path))
  new DhcpClient(bed, 1).lease()
  expect(JSON.parse(readFileSync(path, 'utf8')).leases).toMatchObject([
    { address: '198.18.0.100', mac: MAC, state: 'bound' },
  ])
  bed.restart()
  expect(bed.server.leases()).toMatchObject([{ mac: MAC }])
})

const one = '{"address":"198.18.0.1","mac":"","state":"bound","expires":null}'
test.each([
  ['nothing at all', ''],
  ['half of a file', '{"version":1,"leases":[{"addr'],
  ['another version', '{"version":2,"leases":[]}'],
  ['null', 'null'],
  ['a lease that is none', '{"version":1,"leases":[7]}'],
  ['an address of no sense', '{"version":1,"leases":[{"address":"x","mac":"","state":"bound","expires":null}]}'],
  ['a name with a line in it', `{"version":1,"leases":[${one.replace('}', ',"hostname":"a\\n"}')}]}`],
  ['an end that is no time', `{"version":1,"leases":[${one.replace('null', '"soon"')}]}`],
  ['an address twice', `{"version":1,"leases":[${one},${one}]}`],
])('%s is refused in one line, and stays', (_, text) => {
  writeFileSync(path, text)
  expect(() => leasesFile(path).load()).toThrow(/^leases \/.*: EINVAL, .*: mend the file, or remove it[^\n]*$/)
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('a file that cannot be written is told of in one line', () => {
  const missing = join(dir, 'none', 'leases.json')
  expect(() => leasesFile(missing).load()).toThrow(/^write leases \/.*: ENOENT, [^\n]*directory that can be written$/)
})

test('a file that another program writes too is left to that one', () => {
  const [one, other] = [leasesFile(path), leasesFile(path)]
  one.load()
  other.load()
  one.save([lease('198.18.0.100')])
  one.save([lease('198.18.0.101')])
  expect(() => other.save([])).toThrow(/^write leases \/.*: EBUSY, .*; another program writes it too: give each a file/)
  expect(leasesFile(path).load()).toEqual([lease('198.18.0.101')])
  rmSync(path)
  other.save([])
  expect(leasesFile(path).load()).toEqual([])
})
