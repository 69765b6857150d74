/** How long a firewall in memory knows a connection: the times of the kernel's nf_conntrack. */
import { expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { ConnectionTable, type Seen } from '../../src/memory/connection-table.ts'
import { ACK, echo, FIN, HOST, PEER, RST, SYN, tcp, udp } from '../support/test-nat.ts'

class Firewall {
  readonly #clock = new FakeClock()
  readonly #table = new ConnectionTable(this.#clock)

  sleep(seconds: number): void {
    this.#clock.advance(seconds * NSEC_PER_SEC)
  }

  add(packet: Uint8Array): boolean {
    return this.#table.add(this.#see(packet))
  }

  knows(packet: Uint8Array): boolean {
    return this.#table.has(this.#see(packet))
  }

  /** Whether it knows the connection of a packet for so many seconds from now on, and no longer. */
  knowsFor(packet: Uint8Array, seconds: number): boolean {
    this.sleep(seconds - 1)
    const isKnown = this.knows(packet)
    this.sleep(1)
    return isKnown && !this.knows(packet)
  }

  #see(bytes: Uint8Array): Seen {
    const packet = { bytes, at: 0, length: bytes.length, from: undefined, to: undefined }
    return this.#table.see(packet) as Seen
  }
}

const SYN_ACK = SYN | ACK
const out = (flags: number) => tcp(HOST, PEER, flags)
const back = (flags: number) => tcp(PEER, HOST, flags)
const HANDSHAKE = [out(SYN), back(SYN_ACK), out(ACK)]

test.each([
  ['a request', [out(SYN)], 120],
  ['a request with a reply', [out(SYN), back(SYN_ACK)], 60],
  ['a handshake', HANDSHAKE, 432_000],
  ['a segment of an older connection', [out(ACK)], 432_000],
  ['a FIN', [...HANDSHAKE, out(FIN | ACK)], 120],
  ['an acknowledged FIN', [...HANDSHAKE, out(FIN | ACK), back(ACK)], 60],
  ['two FINs', [...HANDSHAKE, out(FIN | ACK), back(FIN | ACK)], 30],
  ['two acknowledged FINs', [...HANDSHAKE, out(FIN | ACK), back(FIN | ACK), out(ACK)], 120],
  ['a reset', [...HANDSHAKE, back(RST)], 10],
  ['a segment after a reset', [...HANDSHAKE, back(RST), out(ACK)], 10],
  ['a request after a reset', [...HANDSHAKE, back(RST), out(SYN)], 120],
])('a firewall knows a TCP connection after %s for its time', (_, segments, seconds) => {
  const firewall = new Firewall()
  for (const segment of segments) {
    firewall.add(segment)
  }
  expect(firewall.knowsFor(back(ACK), seconds)).toBe(true)
})

test('a firewall forgets a TCP connection that was refused', () => {
  const firewall = new Firewall()
  firewall.add(out(SYN))
  firewall.add(back(RST))
  expect(firewall.knows(back(SYN_ACK))).toBe(false)
})

test('a firewall knows datagrams and their replies for 30 s, and a stream of them for 120 s', () => {
  const firewall = new Firewall()
  const [request, reply] = [udp(HOST, PEER), udp(PEER, HOST)]
  firewall.add(request)
  expect(firewall.knowsFor(reply, 30)).toBe(true)
  firewall.add(request)
  firewall.add(reply)
  expect(firewall.knowsFor(reply, 30)).toBe(true)
  firewall.add(request)
  firewall.sleep(3)
  firewall.add(request)
  firewall.add(reply)
  expect(firewall.knowsFor(reply, 30)).toBe(true)
  firewall.add(request)
  firewall.add(reply)
  firewall.sleep(3)
  firewall.add(request)
  expect(firewall.knowsFor(reply, 120)).toBe(true)
})

test('a firewall knows a ping for 30 s', () => {
  const firewall = new Firewall()
  firewall.add(echo(HOST, PEER, 8))
  expect(firewall.knowsFor(echo(PEER, HOST, 0), 30)).toBe(true)
})
