/**
 * The file of leases: saved leases are loaded, malformed and unsafe files are refused unchanged.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DhcpBed, DhcpClient, ip } from '#support/dhcp.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import type { Lease } from '../../src/services/dhcp/lease.ts'
import { leasesFile } from '../../src/services/leases-file.ts'

const dir = freshDirectory()
const path = join(dir, 'leases.json')

const MAC = '02:00:00:00:00:01'
const lease = (address: string, more: Partial<Lease> = {}): Lease => ({
  address: ip(address),
  mac: MAC,
  clientId: undefined,
  hostname: undefined,
  state: 'bound',
  expires: 1e12,
  ...more,
})

test('leases are loaded unchanged after they were saved', async () => {
  const leases = [
    lease('198.18.0.100', { clientId: 'ff:00', hostname: 'box' }),
    lease('198.18.0.101', { expires: Number.POSITIVE_INFINITY, mac: '32-02:00' }),
    lease('198.18.0.102', { state: 'free', mac: '', clientId: '01' }),
    lease('198.18.0.103', { state: 'declined' }),
  ]
  await leasesFile(path).save(leases)
  expect(leasesFile(path).load()).toEqual(leases)
})

test('a missing file is created, readable by all users, and no other file is left beside it', async () => {
  const before = process.umask(0o077)
  try {
    expect(leasesFile(path).load()).toEqual([])
  } finally {
    process.umask(before)
  }
  expect(statSync(path).mode & 0o777).toBe(0o644)
  writeFileSync(`${path}.new`, 'left by a killed run')
  const store = leasesFile(path)
  store.load()
  await store.save([lease('198.18.0.100')])
  expect(readdirSync(dir)).toEqual(['leases.json'])
})

test('a save replaces the file, so readers of the old one are not disturbed', async () => {
  const store = leasesFile(path)
  await store.save([])
  const { ino } = statSync(path)
  await store.save([lease('198.18.0.100')])
  expect(statSync(path).ino).not.toBe(ino)
})

test('a lease is acknowledged once it is in the file, where the next server finds it', async () => {
  const bed = new DhcpBed({}, leasesFile(path))
  const client = new DhcpClient(bed, 1)
  client.discover()
  expect(client.select('198.18.0.100')).toBeUndefined()
  expect(JSON.parse(readFileSync(path, 'utf8')).leases).toEqual([])
  await expect.poll(() => bed.late).toHaveLength(1)
  expect(JSON.parse(readFileSync(path, 'utf8')).leases).toMatchObject([
    { address: '198.18.0.100', mac: MAC, state: 'bound' },
  ])
  bed.crash()
  expect(bed.server.leases()).toMatchObject([{ mac: MAC }])
})

const one = '{"address":"198.18.0.1","mac":"","state":"bound","expires":null}'
test.each([
  ['an empty file', ''],
  ['a truncated file', '{"version":1,"leases":[{"addr'],
  ['another version', '{"version":2,"leases":[]}'],
  ['null', 'null'],
  ['a lease that is a number', '{"version":1,"leases":[7]}'],
  [
    'an invalid address',
    '{"version":1,"leases":[{"address":"x","mac":"","state":"bound","expires":null}]}',
  ],
  [
    'a host name with a line break',
    `{"version":1,"leases":[${one.replace('}', ',"hostname":"a\\n"}')}]}`,
  ],
  ['an end that is not a time', `{"version":1,"leases":[${one.replace('null', '"soon"')}]}`],
  ['an address twice', `{"version":1,"leases":[${one},${one}]}`],
])('%s is refused in one line and not changed', (_, text) => {
  writeFileSync(path, text)
  expect(() => leasesFile(path).load()).toThrow(
    /^leases \/.*: EINVAL, .*: correct the file, or remove it[^\n]*$/,
  )
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('a file that cannot be created is an error of one line', () => {
  const missing = join(dir, 'none', 'leases.json')
  expect(() => leasesFile(missing).load()).toThrow(
    /^write leases \/.*: ENOENT, [^\n]*there is no such directory: name a file in a writable directory$/,
  )
})

test('a file that another program writes is not overwritten', async () => {
  const [one, other] = [leasesFile(path), leasesFile(path)]
  one.load()
  other.load()
  await one.save([lease('198.18.0.100')])
  await one.save([lease('198.18.0.101')])
  await expect(other.save([])).rejects.toThrow(
    /^write leases \/.*: EBUSY, .*; another program writes it, too: use one file per program/,
  )
  expect(leasesFile(path).load()).toEqual([lease('198.18.0.101')])
  rmSync(path)
  await other.save([])
  expect(leasesFile(path).load()).toEqual([])
})

test('a directory of another user is refused at the start in one line', () => {
  chownSync(dir, 65534, 65534)
  const advice = 'name a file in a directory of that user'
  expect(() => leasesFile(path).load()).toThrow(
    `write leases ${path}: EACCES, permission denied; the directory ${dir} does not belong to user 0, or is not writable: ${advice}`,
  )
})

test('a directory without write permission is refused, for root too', () => {
  chmodSync(dir, 0o555)
  expect(() => leasesFile(path).load()).toThrow(
    /EACCES.* does not belong to user 0, or is not writable/,
  )
})

test('a directory that takes a privilege to reach is refused', () => {
  const inner = join(dir, 'inner')
  mkdirSync(inner)
  chownSync(dir, 65534, 65534)
  chmodSync(dir, 0o700)
  expect(() => leasesFile(join(inner, 'leases')).load()).toThrow(
    /EACCES.* user 0 reaches .* only by privilege/,
  )
})

test('a symbolic link, a device and a FIFO are refused, which a save would replace', () => {
  symlinkSync(join(dir, 'victim'), path)
  execFileSync('mkfifo', [join(dir, 'fifo')])
  for (const [file, kind] of [
    [path, 'a symbolic link'],
    [join(dir, 'fifo'), 'a pipe'],
  ] as const) {
    expect(() => leasesFile(file).load()).toThrow(
      `replace ${file}: EEXIST, exists already; it is ${kind}, which vnet`,
    )
  }
  expect(() => leasesFile('/dev/null').load()).toThrow(
    'it is a device, which vnet does not replace',
  )
  expect([lstatSync(path).isSymbolicLink(), existsSync(join(dir, 'victim'))]).toEqual([true, false])
})

test('a symbolic link in place of the temporary file is not followed', async () => {
  const victim = join(dir, 'victim')
  writeFileSync(victim, 'of another user')
  const store = leasesFile(path)
  store.load()
  symlinkSync(victim, `${path}.new`)
  await store.save([lease('198.18.0.100')])
  expect([readFileSync(victim, 'utf8'), lstatSync(path).isFile()]).toEqual([
    'of another user',
    true,
  ])
})
