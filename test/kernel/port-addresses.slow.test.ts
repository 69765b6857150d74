/** The kernel's protocol addresses of a port's interface, as they come and go. */

import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { ENOBUFS } from '#src/base/errno.ts'
import { formatAddress } from '#src/packet/address.ts'
import type { Netns } from '#support/netns.ts'
import { TapPorts, Told, withoutGroupEvents } from '#support/tap-ports.ts'

const texts = ({ addresses }: { addresses: readonly Uint8Array[] }) => addresses.map(formatAddress)
const has =
  (...wanted: string[]) =>
  (change: { addresses: readonly Uint8Array[] }) =>
    String(texts(change).sort()) === String(wanted.sort())

const places: [string, (taps: TapPorts) => Netns][] = [
  ['at home', taps => taps.home],
  ['in another namespace', taps => taps.own.add()],
]

test.each(places)(
  'the port reports all remaining addresses when one is added or deleted, %s',
  async (_, place) => {
    const taps = new TapPorts()
    const netns = place(taps)
    const port = await taps.open({ netns: netns.name })
    const told = new Told(port)
    expect(port.link.addresses).toEqual([])
    const steps: [string, string[]][] = [
      ['addr add 198.18.0.1/24 dev tap0', ['198.18.0.1']],
      ['addr add 2001:db8::1/64 dev tap0', ['198.18.0.1', '2001:db8::1']],
      [
        'addr add 198.18.1.1 peer 192.0.2.1/32 dev tap0',
        ['198.18.0.1', '198.18.1.1', '2001:db8::1'],
      ],
      ['addr del 198.18.0.1/24 dev tap0', ['198.18.1.1', '2001:db8::1']],
      ['addr del 2001:db8::1/64 dev tap0', ['198.18.1.1']],
      ['addr flush dev tap0', []],
    ]
    for (const [command, expected] of steps) {
      netns.ip(command)
      await told.until('addresses', has(...expected))
      expect(texts(port.link).sort()).toEqual(expected)
    }
    expect(told.kinds).toEqual(steps.map(() => 'addresses'))
  },
)

test('addresses that exist when the port opens are in its link, and not reported', async () => {
  const taps = new TapPorts()
  taps.home.ip(
    'tuntap add mode tap name tap0',
    'addr add 198.18.0.1/24 dev tap0',
    'addr add 2001:db8::1/64 dev tap0',
  )
  const port = await taps.open()
  const told = new Told(port)
  expect(texts(port.link)).toEqual(['198.18.0.1', '2001:db8::1'])
  await port.apply({ mtu: 1400 })
  expect(told.kinds).toEqual(['mtu'])
})

test('a port with 1,100 addresses has the first 1,000, even when one is deleted', async () => {
  const taps = new TapPorts()
  taps.home.ip('tuntap add mode tap name tap0')
  const all = Array.from({ length: 1100 }, (_, i) => `198.18.${i >> 8}.${i & 255}`)
  const input = all.map(address => `addr add ${address}/32 dev tap0\n`).join('')
  execFileSync('ip', ['-n', taps.home.name, '-batch', '-'], { input })
  const port = await taps.open()
  expect(texts(port.link)).toEqual(all.slice(0, 1000))
  const told = new Told(port)
  taps.home.ip(`addr del ${all[0]}/32 dev tap0`)
  await told.until('addresses')
  expect(texts(port.link)).toEqual(all.slice(1, 1001))
})

test('an address with two prefixes counts once, until both are deleted', async () => {
  const taps = new TapPorts()
  const port = await taps.open()
  const told = new Told(port)
  const steps = ['add 198.18.0.1/24', 'add 198.18.0.1/25', 'del 198.18.0.1/24', 'del 198.18.0.1/25']
  const known: string[][] = []
  for (const step of steps) {
    taps.home.ip(`addr ${step} dev tap0`)
    await port.apply({})
    known.push(texts(port.link))
  }
  expect(known).toEqual([['198.18.0.1'], ['198.18.0.1'], ['198.18.0.1'], []])
  expect(told.kinds).toEqual(['addresses', 'addresses'])
})

test.each([
  ['with events of groups', undefined],
  ['without events of groups', withoutGroupEvents],
])(
  'on a kernel %s the link-local address is reported while it is still tentative',
  async (_, overrides) => {
    const taps = new TapPorts(overrides)
    const netns = taps.own.add()
    // Longer than the test, which would miss an address that is reported only after it.
    netns.exec('sysctl -qw net.ipv6.conf.default.dad_transmits=1000')
    const port = await taps.open({ netns: netns.name })
    const told = new Told(port)
    netns.ip('link set tap0 up')
    const [address] = texts(await told.until('addresses'))
    expect(address).toMatch(/^fe80::/)
    expect(netns.ip('-6 addr show dev tap0')).toContain(`${address}/64 scope link tentative`)
    netns.ip('link set tap0 down')
    await told.until('addresses', has())
  },
)

test('an address requested of the port is reported before apply settles', async () => {
  const taps = new TapPorts()
  const port = await taps.open()
  const told = new Told(port)
  await port.apply({ addresses: ['198.18.0.1/24', '2001:db8::1/64'] })
  expect(told.changes.map(change => change.kind === 'addresses' && texts(change))).toEqual([
    ['198.18.0.1', '2001:db8::1'],
  ])
})

test('an address requested by the listener is reported when the listener returns', async () => {
  const taps = new TapPorts()
  const port = await taps.open()
  const told: string[] = []
  let applied: Promise<void> | undefined
  port.onChange(({ kind }) => {
    applied ??= port.apply({ addresses: ['198.18.1.1/24'] })
    told.push(`${kind} ${texts(port.link)}`)
  })
  await port.apply({ addresses: ['198.18.0.1/24'] })
  await applied
  expect(told).toEqual(['addresses 198.18.0.1', 'addresses 198.18.0.1,198.18.1.1'])
})

test('addresses of other interfaces are not reported', async () => {
  const taps = new TapPorts()
  const far = taps.own.add()
  const port = await taps.open({ netns: far.name })
  const told = new Told(port)
  // The same index in our own namespace.
  taps.home.ip(
    `link add other index ${port.link.ifindex} type bridge`,
    'addr add 198.18.0.1/24 dev other',
  )
  far.ip('addr add 127.0.0.1/8 dev lo')
  await port.apply({ mtu: 1400 })
  expect(told.kinds).toEqual(['mtu'])
})

test('after a move to another namespace the port has the addresses there', async () => {
  const taps = new TapPorts()
  const far = taps.own.add()
  const port = await taps.open()
  const told = new Told(port)
  taps.home.ip('addr add 198.18.0.1/24 dev tap0')
  await told.until('addresses', has('198.18.0.1'))
  taps.home.ip(`link set tap0 netns ${far.name}`)
  await told.until('addresses', has())
  far.ip('addr add 198.18.1.1/24 dev tap0')
  await told.until('addresses', has('198.18.1.1'))
  expect(told.kinds).toEqual(['addresses', 'moved', 'addresses', 'addresses'])
})

test('after an overrun the addresses are read again and reported', async () => {
  const events = { fd: -1, lost: false }
  const taps = new TapPorts(({ bind, recvmsg }) => ({
    bind(fd, address) {
      events.fd = fd
      return bind(fd, address)
    },
    recvmsg(fd, into, flags, meta) {
      if (fd !== events.fd || !events.lost) return recvmsg(fd, into, flags, meta)
      while (recvmsg(fd, into, flags, meta) >= 0) {}
      events.lost = false
      return -ENOBUFS
    },
  }))
  const port = await taps.open({ multicastList: true })
  const plain = await taps.open({ name: 'tap1' })
  const [told, toldPlain] = [new Told(port), new Told(plain)]
  taps.home.ip('addr add 198.18.1.1/24 dev tap1', 'link set tap0 mtu 1400 allmulticast on')
  taps.home.ip('addr add 198.18.0.1/24 dev tap0', 'maddr add 01:00:5e:01:02:03 dev tap0')
  events.lost = true
  await port.apply({})
  expect(told.kinds).toEqual(['mtu', 'flags', 'addresses', 'multicast'])
  await toldPlain.until('addresses')
  expect([toldPlain.kinds, texts(plain.link)]).toEqual([['addresses'], ['198.18.1.1']])
  expect([texts(port.link), port.link.multicast.length, port.link.mtu]).toEqual([
    ['198.18.0.1'],
    2,
    1400,
  ])
  await port.apply({ mtu: 1300 })
  expect(told.kinds).toHaveLength(5)
})
