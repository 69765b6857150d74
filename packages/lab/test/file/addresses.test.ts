/** Two ends of one link, or two machines of one segment, with the same address. */
import { expect, test } from 'vitest'
import { parseLabFile } from '../../src/file/read.ts'
import { createLab } from '../../src/index.ts'

const cable = (a: string[], b: string[], ends = '[a, b]') =>
  parseLabFile(
    `hosts: [a, b]\nrouters: { r: {} }\ncables: { x: { ends: ${ends}, addresses: ${JSON.stringify([a, b])} } }`,
    'net.yaml',
  )
const lan = (segment: string) =>
  parseLabFile(
    `hosts: [a, b]\nlans: { x: { ports: [a, b], network: 192.0.2.0/24, network6: '2001:db8::/64', ${segment} } }`,
    'net.yaml',
  )

test('a cable with the same address at both ends is refused at its place, however it is written', () => {
  const line = (address: string) =>
    `net.yaml:3:14: cables.x: cable: both ends have the address ${address}`
  expect(() => cable(['192.0.2.1/24'], ['192.0.2.1/24'])).toThrow(line('192.0.2.1'))
  expect(() =>
    cable(['192.0.2.1/24', '192.0.2.9/24'], ['192.0.2.2/24', '192.0.2.9/32'], '[a, r]'),
  ).toThrow(line('192.0.2.9'))
  expect(() => cable(['2001:db8::1/64'], ['2001:DB8:0:0::0001/48'])).toThrow(line('2001:db8::1'))
  cable(['192.0.2.1/24', '2001:db8::1/64'], ['192.0.2.2/24', '2001:db8::2/64'])
})

test('a segment whose gateway, host, pool or reservation has the address of a port is refused at its place', () => {
  for (const [segment, line] of [
    [
      'gateway: { ip: 192.0.2.201 }',
      'gateway.ip: 192.0.2.201 is also the address of a (the default)',
    ],
    [
      "gateway: { ip6: '2001:db8:0:0::00ca' }",
      'gateway.ip6: 2001:db8::ca is also the address of b (the default)',
    ],
    [
      'hosts: [{ ip: 192.0.2.202 }]',
      'hosts[0].ip: 192.0.2.202 is also the address of b (the default)',
    ],
    [
      "hosts: [{ ip6: '2001:db8::c0', count: 20 }]",
      'hosts[0].ip6: 2001:db8::c0-2001:db8::d3 overlaps 2001:db8::c9 of the address of a (the default)',
    ],
    [
      'dhcp: { pool: 192.0.2.150-192.0.2.250 }',
      'dhcp.pool: 192.0.2.150-192.0.2.250 overlaps 192.0.2.201 of the address of a (the default)',
    ],
    [
      "dhcp: { reservations: [{ mac: '02:00:00:00:00:01', address: 192.0.2.201 }] }",
      'dhcp.reservations[0].address: 192.0.2.201 is also the address of a (the default)',
    ],
  ]) {
    expect(() => lan(segment!)).toThrow(`net.yaml:2:12: lans.x: ${line}`)
    lan(`addresses: false, ${segment}`)
  }
  lan('hosts: [{ ip: 192.0.2.203 }], gateway: { ip: 192.0.2.2 }')
})

test('lab.cable and lab.lan refuse them, too', async () => {
  await using made = await createLab({ world: 'memory' })
  const [a, b] = made.hosts('a', 'b')
  const addresses = [['2001:db8::1/64'], ['2001:db8:0::1/64']] as const
  await expect(made.cable(a, b, { addresses })).rejects.toThrow(
    /^cable: both ends have the address 2001:db8::1$/,
  )
  const options = { network: '192.0.2.0/24', hosts: [{ ip: '192.0.2.202' }] }
  await expect(made.lan(options, a, b)).rejects.toThrow(
    /^hosts\[0\]\.ip: 192\.0\.2\.202 is also the address of b /,
  )
  await made.cable(a, b)
})
