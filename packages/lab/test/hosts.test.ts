import { readFileSync, statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { turn } from '#support/memory-net.ts'
import { HostsFile } from '../src/model/hosts.ts'
import { placesIn } from '../src/model/place.ts'

/** Reads a file many times, and posts how often it was empty. */
const READER = `
  const { readFileSync } = require('node:fs')
  const { parentPort, workerData } = require('node:worker_threads')
  let empty = 0
  for (let i = 0; i < 5000; i++) if (readFileSync(workerData).length === 0) empty++
  parentPort.postMessage(empty)`

const directory = freshDirectory()

const [a, b, c] = [
  {
    name: 'a',
    interfaces: [{ name: 'eth1', link: 1, addresses: ['198.18.1.1/24', '2001:db8:0:1::1/64'] }],
  },
  {
    name: 'b',
    interfaces: [
      { name: 'eth2', link: 2, addresses: ['198.18.2.1/24'] },
      { name: 'eth1', link: 1, addresses: ['198.18.1.2/24', '2001:db8:0:1::2/64'] },
    ],
  },
  { name: 'c', interfaces: [{ name: 'eth2', link: 2, addresses: ['198.18.2.2/24'] }] },
]

function made(): HostsFile {
  const hosts = new HostsFile({ directory })
  hosts.add(a!, b!, c!)
  return hosts
}

test('a host finds another by an address on a common link first', () => {
  const hosts = made()
  expect(hosts.places(a!, 'b').map(({ address }) => address)).toEqual([
    '198.18.1.2',
    '2001:db8:0:1::2',
    '198.18.2.1',
  ])
  expect(hosts.places(c!, 'b').map(({ address }) => address)).toEqual([
    '198.18.2.1',
    '198.18.1.2',
    '2001:db8:0:1::2',
  ])
  expect(hosts.find(a!, 'b', 6)).toEqual([{ address: '2001:db8:0:1::2', family: 6 }])
})

test('localhost and its own name are the loopback addresses, and an address is itself', () => {
  const hosts = made()
  for (const name of ['localhost', 'a']) {
    expect(hosts.find(a!, name).map(({ address }) => address)).toEqual(['127.0.0.1', '::1'])
  }
  expect(hosts.find(a!, '192.0.2.1')).toEqual([{ address: '192.0.2.1', family: 4 }])
})

test('an unknown name, and a host without an address of the family, are errors that say so', () => {
  const hosts = made()
  expect(() => hosts.find(a!, 'd')).toThrow('d: the lab has no host of this name; it has a, b, c')
  expect(() => hosts.find(a!, 'c', 6)).toThrow('c has no IPv6 address')
  hosts.add({ name: 'lonely', interfaces: [] })
  expect(() => hosts.find(a!, 'lonely')).toThrow(
    'lonely has no link: await lab.cable(...) or lab.lan(...) makes one',
  )
})

test('the hosts file of each host has the addresses in that order, and is rewritten in place', () => {
  const hosts = made()
  const before = readFileSync(hosts.fileOf(c!), 'utf8')
  expect(before).toBe(
    [
      '127.0.0.1 localhost',
      '::1 localhost ip6-localhost ip6-loopback',
      '198.18.1.1 a',
      '2001:db8:0:1::1 a',
      '198.18.2.1 b',
      '198.18.1.2 b',
      '2001:db8:0:1::2 b',
      '127.0.0.1 c',
      '::1 c',
      '',
    ].join('\n'),
  )
  b!.interfaces.shift()
  hosts.update()
  expect(readFileSync(hosts.fileOf(c!), 'utf8')).toBe(before.replace('198.18.2.1 b\n', ''))
})

const TEXT =
  '# comment 1.2.3.4 x\n198.18.0.1\tServer server.example # 9.9.9.9 server\n\n::2 server\nnonsense server\n'

test('placesIn reads a file as hosts(5) says, whatever the case', () => {
  expect(placesIn(TEXT, 'SERVER')).toEqual([
    { address: '198.18.0.1', family: 4 },
    { address: '::2', family: 6 },
  ])
  expect(placesIn(TEXT, 'server.example').length).toBe(1)
  expect(placesIn(TEXT, 'x')).toEqual([])
})

test('names are alike in capitals and small letters, as in the host of a URL', () => {
  const hosts = new HostsFile({ directory })
  const named = {
    name: 'Server',
    interfaces: [{ name: 'eth1', link: 1, addresses: ['198.18.1.3/24'] }],
  }
  hosts.add(a!, named)
  for (const name of ['server', 'Server', 'SERVER']) {
    expect(hosts.find(a!, name)[0].address).toBe('198.18.1.3')
  }
  expect(hosts.find(named, 'server')[0].address).toBe('127.0.0.1')
  expect(readFileSync(hosts.fileOf(a!), 'utf8')).toContain('198.18.1.3 Server\n')
  expect(() => hosts.find(a!, 'nobody')).toThrow('it has a, Server')
})

test('a changed hosts file is still the same file, is never empty, and everyone may read it', async () => {
  const before = process.umask(0o077)
  try {
    const hosts = made()
    const file = hosts.fileOf(a!)
    expect(statSync(file).mode & 0o777).toBe(0o644)
    const { ino } = statSync(file)
    const reader = new Worker(READER, { eval: true, workerData: file })
    let empty: number | undefined
    reader.once('message', n => {
      empty = n
    })
    const long = {
      name: 'long',
      interfaces: [{ name: 'eth1', link: 1, addresses: Array(50).fill('198.18.1.9/24') }],
    }
    hosts.add(long)
    while (empty === undefined) {
      for (let i = 0; i < 50; i++) {
        hosts.update()
      }
      await turn()
    }
    expect(empty).toBe(0)
    long.interfaces.length = 0
    hosts.update()
    expect(readFileSync(file, 'utf8')).not.toContain('long')
    expect(statSync(file).ino).toBe(ino)
  } finally {
    process.umask(before)
  }
})
