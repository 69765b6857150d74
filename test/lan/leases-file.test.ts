/** The file of leases: what is saved is loaded, what is broken is refused and left as it is. */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
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

test('leases come back as they were saved', async () => {
  const leases = [
    lease('198.18.0.100', { clientId: 'ff:00', hostname: 'box' }),
    lease('198.18.0.101', { expires: Number.POSITIVE_INFINITY, mac: '32-02:00' }),
    lease('198.18.0.102', { state: 'free', mac: '', clientId: '01' }),
    lease('198.18.0.103', { state: 'declined' }),
  ]
  await leasesFile(path).save(leases)
  expect(leasesFile(path).load()).toEqual(leases)
})

test('a file is made where there is none, for everybody to read, and nothing else is left beside it', async () => {
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
  await store.save([lease('198.18.0.100')])
  expect(readdirSync(dir)).toEqual(['leases.json'])
})

test('a change replaces the file: who reads the old one goes on reading it', async () => {
  const store = leasesFile(path)
  await store.save([])
  const { ino } = statSync(path)
  await store.save([lease('198.18.0.100')])
  expect(statSync(path).ino).not.toBe(ino)
})

test('a lease is acknowledged once it is in the file, for the next server', async () => {
  const bed = new DhcpBed({}, leasesFile(path))
  const client = new DhcpClient(bed, 1)
  client.discover()
  expect(client.select('198.18.0.100')).toBeUndefined()
  expect(JSON.parse(readFileSync(path, 'utf8')).leases).toEqual([])
  await vi.waitFor(() => expect(bed.late).toHaveLength(1))
  expect(JSON.parse(readFileSync(path, 'utf8')).leases).toMatchObject([
    { address: '198.18.0.100', mac: MAC, state: 'bound' },
  ])
  bed.crash()
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

test('a file that another program writes too is left to that one', async () => {
  const [one, other] = [leasesFile(path), leasesFile(path)]
  one.load()
  other.load()
  await one.save([lease('198.18.0.100')])
  await one.save([lease('198.18.0.101')])
  await expect(other.save([])).rejects.toThrow(
    /^write leases \/.*: EBUSY, .*; another program writes it too: give each a file/,
  )
  expect(leasesFile(path).load()).toEqual([lease('198.18.0.101')])
  rmSync(path)
  await other.save([])
  expect(leasesFile(path).load()).toEqual([])
})

test('a directory that belongs to another user is refused at the start, in one line', () => {
  chownSync(dir, 65534, 65534)
  const advice = "name a file in a directory of that user's"
  expect(() => leasesFile(path).load()).toThrow(
    `write leases ${path}: EACCES, permission denied; the directory ${dir} is not user 0's to write in: ${advice}`,
  )
})

test('a directory that its own user may not write is refused, also for root', () => {
  chmodSync(dir, 0o555)
  expect(() => leasesFile(path).load()).toThrow(/EACCES.* is not user 0's to write in/)
})

test('a directory that takes a privilege to get to is refused', () => {
  const inner = join(dir, 'inner')
  mkdirSync(inner)
  chownSync(dir, 65534, 65534)
  chmodSync(dir, 0o700)
  expect(() => leasesFile(join(inner, 'leases')).load()).toThrow(/EACCES.* user 0 gets to .* by privilege alone/)
})

test('a symbolic link in the place of the file that is written is not followed', async () => {
  const victim = join(dir, 'victim')
  writeFileSync(victim, 'of another')
  const store = leasesFile(path)
  store.load()
  symlinkSync(victim, `${path}.new`)
  await store.save([lease('198.18.0.100')])
  expect([readFileSync(victim, 'utf8'), lstatSync(path).isFile()]).toEqual(['of another', true])
})
