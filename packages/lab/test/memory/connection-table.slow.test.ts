/** A firewall in memory with a full table. */
import { expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { put16 } from '#src/packet/octets.ts'
import { CONNECTIONS_MAX, ConnectionTable, type Seen } from '../../src/memory/connection-table.ts'
import { HOST, PEER, SYN, tcp, udp } from '../support/test-nat.ts'

test('a firewall has room again when the connections of its full table have ended', () => {
  const clock = new FakeClock()
  const table = new ConnectionTable(clock)
  const add = (bytes: Uint8Array) => {
    const packet = { bytes, at: 0, length: bytes.length, from: undefined, to: undefined }
    return table.add(table.see(packet) as Seen)
  }
  const request = tcp(HOST, PEER, SYN)
  for (let port = 0; port < CONNECTIONS_MAX; port++) {
    put16(request, 20, port)
    add(request)
  }
  expect(add(udp(HOST, PEER))).toBe(false)
  clock.advance(300 * NSEC_PER_SEC)
  expect(add(udp(HOST, PEER))).toBe(true)
})
