import { expect, test } from 'vitest'
import { formatMac } from '#src/packet/address.ts'
import { macOf } from '../src/model/subnet.ts'
import { planLan } from '../src/network/lan.ts'

const named = (count: number) => Array.from({ length: count }, (_, i) => `h${i}`)
const addresses = (network: string, ports: number) =>
  planLan(1, named(ports), { network, network6: false }).addresses.flat()

test('all hosts of all links have different hardware addresses', () => {
  const all = [1, 2, 256, 511, 65_537].flatMap(link => {
    return Array.from({ length: 4094 }, (_, i) => formatMac(macOf(link, i + 1)))
  })
  expect(new Set(all).size).toBe(5 * 4094)
  expect(all[0]).toBe('02:00:00:00:01:01')
})

test('the ports of a lan have the 201st and the following addresses, as many as its network has', () => {
  expect(addresses('192.0.2.0/24', 54)).toHaveLength(54)
  expect(addresses('192.0.2.0/24', 54).at(-1)).toBe('192.0.2.254/24')
  const large = addresses('198.18.0.0/19', 4094)
  expect([large[0], large[55], large.at(-1)]).toEqual([
    '198.18.0.201/19',
    '198.18.1.0/19',
    '198.18.16.198/19',
  ])
  expect(new Set(large).size).toBe(4094)
})

test('a network with too few addresses for the ports is refused in a line that has their number', () => {
  const line = (network: string, room: number, ports: number) =>
    `lan: ${network} has addresses for ${room} ports, not for ${ports}: take a larger network, or give \`addresses: false\``
  expect(() => addresses('192.0.2.0/24', 55)).toThrow(line('192.0.2.0/24', 54, 55))
  expect(() => addresses('198.18.0.0/20', 4000)).toThrow(line('198.18.0.0/20', 3894, 4000))
  expect(() => addresses('192.0.2.0/28', 1)).toThrow(line('192.0.2.0/28', 0, 1))
  const options = { network: '198.18.0.0/16', network6: '2001:db8::/119' }
  expect(() => planLan(1, named(312), options)).toThrow(line('2001:db8::/119', 311, 312))
  expect(planLan(1, named(311), options).addresses.at(-1)).toEqual([
    '198.18.1.255/16',
    '2001:db8::1ff/119',
  ])
})

test('a lan with more than 4094 ports is refused, even without addresses', () => {
  const plan = (ports: number) =>
    planLan(1, named(ports), { network: '198.18.0.0/16', addresses: false })
  expect(() => plan(4095)).toThrow('lan: 4095 ports: a lan has at most 4094')
  expect(plan(4094).addresses).toHaveLength(4094)
})
