/** The TCP sockets of a host, which the kernel finds in tables that all hosts share. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { tcpSocketsOf } from '../src/kernel/counters.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue\n'
const ESTABLISHED = '   0: 0100007F:1F90 0100007F:9C40 01 00000000:00000007 00:00000000\n'
const NO_TCP = 'sockets: used 3\nTCP: inuse 0 orphan 0 tw 0 alloc 4 mem 1\n'
const NO_TCP6 = 'TCP6: inuse 0\nUDP6: inuse 0\n'

/** Returns the sockets of a host whose /proc/net has these files, and the files that were read. */
function socketsIn(files: Readonly<Record<string, string>>) {
  const directory = testDirectory()
  const read: string[] = []
  const native = {
    open(path: string) {
      const name = basename(path)
      read.push(name)
      const text = files[name]
      if (text === undefined) return -2
      writeFileSync(join(directory, name), text)
      return openSync(join(directory, name), 'r')
    },
    close(fd: number) {
      closeSync(fd)
      return 0
    },
  }
  const place = { native, nsfd: -1 } as unknown as Parameters<typeof tcpSocketsOf>[0]
  return { sockets: tcpSocketsOf(place), read }
}

const TABLES = { tcp: HEAD + ESTABLISHED, tcp6: HEAD }

test('the tables are not read for a host without TCP sockets', () => {
  const found = socketsIn({ sockstat: NO_TCP, sockstat6: NO_TCP6, ...TABLES })
  expect(found).toEqual({ sockets: [], read: ['sockstat', 'sockstat6'] })
})

test.each([
  ['a socket', { sockstat: NO_TCP.replace('inuse 0', 'inuse 1'), sockstat6: NO_TCP6 }],
  ['a socket that waits for the end', { sockstat: NO_TCP.replace('tw 0', 'tw 1') }],
  ['a socket of IPv6', { sockstat: NO_TCP, sockstat6: 'TCP6: inuse 1\n' }],
  ['an unknown number of sockets', {}],
])('the tables are read for a host with %s', (_, statistics) => {
  const { sockets } = socketsIn({ ...TABLES, ...(statistics as Record<string, string>) })
  expect(sockets).toEqual([{ state: 1, unread: 7 }])
})

test('a host without IPv6 has no tables of it', () => {
  expect(socketsIn({ sockstat: NO_TCP, ...TABLES }).sockets).toEqual([])
})
