/** A NAT whose table is full. */
import { expect, test } from 'vitest'
import { PORTS } from '../src/nat/nat-table.ts'
import { HOST, PEER, TestNat, udp } from './support/test-nat.ts'

test('a NAT has a port for as many mappings as there are ports, and takes ports that are free again', () => {
  const nat = new TestNat('symmetric')
  const peer = (i: number) => `203.0.113.9:${1000 + i}`
  const used = new Set(Array.from({ length: PORTS }, (_, i) => nat.send(peer(i))))
  expect(used.size).toBe(PORTS)
  expect(nat.out(udp(HOST, peer(PORTS)))).toBe('full')
  nat.wait(60)
  nat.send(peer(5))
  nat.wait(60)
  expect(used).toContain(nat.send(peer(PORTS)))
  const again = nat.send(peer(5))
  expect(nat.in(udp(peer(5), again))).toEqual(udp(peer(5), HOST))
})

test('a mapping that gets a new port does not close its former port, which has another mapping', () => {
  const nat = new TestNat('symmetric')
  const others = () =>
    Array.from({ length: PORTS - 1 }, (_, i) => nat.send(PEER, `198.18.1.9:${1000 + i}`))
  const before = nat.send()
  nat.wait(1)
  others()
  nat.wait(119)
  const taker = '203.0.113.10:1'
  expect(nat.send(taker)).toBe(before)
  nat.wait(1)
  expect(nat.send()).not.toBe(before)
  expect(nat.in(udp(taker, before))).toEqual(udp(taker, HOST))
})
