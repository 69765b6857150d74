import { expect, test } from 'vitest'
import type { Route } from '#src/linux/rtnetlink.ts'
import { AF_INET, AF_INET6, RTN_LOCAL, RTN_UNICAST } from '#src/linux/uapi.ts'
import { parseAddress, toPrefix } from '#src/packet/address.ts'
import { outputTo } from '../src/kernel/access-rules.ts'

const route = (cidr: string, oif: number, type = RTN_UNICAST): Route => {
  const { bytes: dst, prefixLen } = toPrefix(cidr)
  const family = dst.length === 4 ? AF_INET : AF_INET6
  return { family, dst, prefixLen, oif, type, table: 254, metric: 0 }
}

const ROUTES = [
  route('0.0.0.0/0', 1),
  route('198.18.0.0/16', 2),
  route('198.18.1.0/24', 3),
  route('198.18.1.1/32', 4, RTN_LOCAL),
  route('2001:db8::/64', 5),
]

test.each([
  ['192.0.2.1', 1],
  ['198.18.2.1', 2],
  ['198.18.1.2', 3],
  ['198.18.1.1', undefined],
  ['2001:db8::1', 5],
  ['2001:db8:1::1', undefined],
])('the most specific route to %s leads to interface %s', (address, index) => {
  expect(outputTo(ROUTES, parseAddress(address)!)).toBe(index)
  expect(outputTo(ROUTES.toReversed(), parseAddress(address)!)).toBe(index)
})
