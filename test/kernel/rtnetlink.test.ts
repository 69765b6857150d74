import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { VnetError } from '#src/base/errno.ts'
import {
  addAddress,
  getAddresses,
  getLink,
  getLinks,
  getRoutes,
  nsidOf,
  overlappingRoute,
  type Route,
  RouteSocket,
  setLink,
} from '#src/linux/rtnetlink.ts'
import { AF_INET, AF_INET6, ifreq, ifreqName, TUNGETIFF } from '#src/linux/uapi.ts'
import { IFF_NOARP, IFF_UP } from '#src/netdev/if.ts'
import { linkStats64 } from '#src/netdev/stats.ts'
import { formatAddress, formatPrefix, parsePrefix } from '#src/packet/address.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'

const UP = { set: IFF_UP, mask: IFF_UP }

const { own, home } = freshNamespaces('home')
let sock: RouteSocket

beforeEach(() => {
  sock = RouteSocket.open(own.at(home))
})

afterEach(() => sock?.close())

function indexOf(name: string, of = sock): number {
  const link = getLink(of, { name })
  if (link === undefined) throw new Error(`no ${name}`)
  return link.ifindex
}

function refusal(call: () => unknown): VnetError {
  try {
    call()
  } catch (error) {
    if (error instanceof VnetError) return error
    throw error
  }
  throw new Error('it was not refused')
}

describe('links', () => {
  test('getLink finds an interface by name and by index, with the properties that `ip link` shows', () => {
    home.ip('link add bridge7 mtu 1400 txqueuelen 77 address 02:00:00:00:00:07 type bridge')
    const link = getLink(sock, { name: 'bridge7' })!
    expect(link).toEqual(getLink(sock, { ifindex: link.ifindex }))
    const [shown] = JSON.parse(home.ip('-j -d link show bridge7'))
    expect(link).toMatchObject({
      ifindex: shown.ifindex,
      name: 'bridge7',
      mtu: 1400,
      txQueueLen: 77,
      kind: 'bridge',
      promiscuity: 0,
      allmulti: 0,
      tun: undefined,
    })
    expect([...link.address]).toEqual([2, 0, 0, 0, 0, 7])
    expect(link.flags & IFF_UP).toBe(0)
  })

  test('a link is not changed when the next one is read', () => {
    home.ip('link add br0 address 02:00:00:00:00:01 type bridge')
    home.ip('link add br1 address 02:00:00:00:00:02 type bridge')
    const links = [
      getLink(sock, { name: 'br0' })!,
      getLink(sock, { name: 'br1' })!,
      ...getLinks(sock).slice(1),
    ]
    expect(links.map(({ address }) => address[5])).toEqual([1, 2, 1, 2])
  })

  test('getLink returns undefined for a missing interface', () => {
    expect(getLink(sock, { name: 'nowhere' })).toBeUndefined()
    expect(getLink(sock, { ifindex: 4711 })).toBeUndefined()
  })

  test('an invalid name is refused with the kernel’s message', () => {
    expect(refusal(() => getLink(sock, { name: 'sixteen-letters-' })).message).toMatch(
      /^RTM_GETLINK sixteen-letters-: ERANGE, .*; Attribute failed policy validation$/,
    )
  })

  test('getLinks lists the interfaces of the namespace and no others', () => {
    home.ip('link add veth0 type veth peer name veth1')
    own.add().ip('link add elsewhere type bridge')
    expect(getLinks(sock).map(({ name, kind }) => [name, kind])).toEqual([
      ['lo', undefined],
      ['veth1', 'veth'],
      ['veth0', 'veth'],
    ])
  })

  test('a dump of many messages is complete', () => {
    for (let i = 0; i < 30; i++) {
      home.ip(`link add br${i} type bridge`)
    }
    expect(getLinks(sock)).toHaveLength(31)
  })

  test('the link of a TAP has the properties that it was made with', () => {
    home.ip('tuntap add mode tap name tap0 user 1000 group 1001 vnet_hdr multi_queue')
    own.tap(home, 'tap1', 3)
    home.ip('tuntap add mode tun name tun0')
    expect(getLink(sock, { name: 'tap0' })).toMatchObject({
      kind: 'tun',
      tun: { type: 'tap', persist: true, multiQueue: true, numQueues: 0, owner: 1000, group: 1001 },
    })
    expect(getLink(sock, { name: 'tap1' })?.tun).toEqual({
      type: 'tap',
      persist: false,
      packetInfo: false,
      multiQueue: true,
      numQueues: 3,
      numDisabledQueues: 0,
      owner: undefined,
      group: undefined,
    })
    expect(getLink(sock, { name: 'tun0' })?.tun).toMatchObject({
      type: 'tun',
      multiQueue: false,
      numQueues: 0,
    })
  })

  test('the counters equal the output of `ip -s link`', () => {
    const far = own.add()
    // IPv6 would send packets of its own between the two readings.
    for (const netns of [home, far]) {
      netns.exec('sysctl -qw net.ipv6.conf.all.disable_ipv6=1')
    }
    home.ip(`link add veth1 type veth peer name veth0 netns ${far.name}`)
    for (const [netns, n] of [
      [far, 0],
      [home, 1],
    ] as const) {
      netns.ip(`link set veth${n} up`, `addr add 198.18.0.${n + 1}/24 dev veth${n}`)
    }
    home.exec('ping -c 1 -W 30 198.18.0.1')
    const stats = linkStats64(getLink(sock, { name: 'veth1' })!.stats64)
    const [{ stats64 }] = JSON.parse(home.ip('-j -s link show veth1'))
    expect(stats.rxPackets).toBeGreaterThan(0)
    expect([stats.rxPackets, stats.rxBytes, stats.rxDropped]).toEqual([
      stats64.rx.packets,
      stats64.rx.bytes,
      stats64.rx.dropped,
    ])
    expect([stats.txPackets, stats.txBytes, stats.multicast]).toEqual([
      stats64.tx.packets,
      stats64.tx.bytes,
      stats64.rx.multicast,
    ])
  })

  test('setLink makes several changes in one call, and keeps flags outside the mask', () => {
    home.ip('link add br0 arp off type bridge')
    const ifindex = indexOf('br0')
    const address = Uint8Array.of(2, 0, 0, 0, 0, 9)
    setLink(sock, ifindex, { flags: UP, mtu: 9000, address, name: 'renamed0', txQueueLen: 5 })
    const link = getLink(sock, { ifindex })!
    expect(link).toMatchObject({ name: 'renamed0', mtu: 9000, txQueueLen: 5 })
    expect(link.address).toEqual(address)
    expect(link.flags & (IFF_UP | IFF_NOARP)).toBe(IFF_UP | IFF_NOARP)
    setLink(sock, ifindex, { flags: { set: 0, mask: IFF_NOARP } })
    expect(getLink(sock, { ifindex })!.flags & (IFF_UP | IFF_NOARP)).toBe(IFF_UP)
  })

  test('the error of a refused change says what, where and why', () => {
    own.tap(home, 'tap0')
    const ifindex = indexOf('tap0')
    expect(refusal(() => setLink(sock, ifindex, { mtu: 65_522 }))).toMatchObject({
      code: 'EINVAL',
      message: expect.stringMatching(
        /^RTM_NEWLINK mtu 65522 on tap0: EINVAL, .*; mtu greater than device maximum$/,
      ),
    })
    const address = Uint8Array.of(1, 0, 0, 0, 0, 1)
    expect(refusal(() => setLink(sock, ifindex, { address })).message).toMatch(
      /^RTM_NEWLINK address 01:00:00:00:00:01 on tap0: EADDRNOTAVAIL, /,
    )
    expect(refusal(() => setLink(sock, 4711, { flags: UP })).message).toMatch(
      /^RTM_NEWLINK flags 0x1\/0x1 on ifindex 4711: ENODEV, /,
    )
  })
})

describe('moving', () => {
  let far: Netns
  let there: RouteSocket

  beforeEach(() => {
    far = own.add()
    there = RouteSocket.open(own.native, far.fd)
  })
  afterEach(() => there?.close())

  function nameAt(fd: number): string {
    const request = ifreq('')
    own.native.ioctl(fd, TUNGETIFF, request)
    return ifreqName(request)
  }

  test('setLink moves, renames and sets up a TAP with all its queues in one message', () => {
    const fds = own.tap(home, 'tmp0', 4)
    setLink(sock, indexOf('tmp0'), { netnsFd: far.fd, name: 'vnet0', mtu: 4000, flags: UP })
    expect(getLinks(sock).map(({ name }) => name)).toEqual(['lo'])
    const link = getLink(there, { name: 'vnet0' })!
    expect(link).toMatchObject({ mtu: 4000, tun: { numQueues: 4 }, carrier: true })
    expect(link.flags & IFF_UP).toBe(IFF_UP)
    expect(fds.map(nameAt)).toEqual(['vnet0', 'vnet0', 'vnet0', 'vnet0'])
  })

  test('a pattern takes the first number that is free in the new namespace', () => {
    far.ip('link add vnet0 type bridge', 'link add vnet2 type bridge')
    const [fd] = own.tap(home, 'tmp0', 2)
    setLink(sock, indexOf('tmp0'), { netnsFd: far.fd, name: 'vnet%d' })
    expect(nameAt(fd)).toBe('vnet1')
    expect(getLink(there, { name: 'vnet1' })?.tun?.numQueues).toBe(2)
  })

  test('an interface moves under its old name if the new one is taken in the target namespace', () => {
    far.ip('link add vnet0 type bridge')
    own.tap(home, 'tmp0')
    const error = refusal(() =>
      setLink(sock, indexOf('tmp0'), { netnsFd: far.fd, name: 'vnet0', flags: UP }),
    )
    expect(error.message).toMatch(
      /^RTM_NEWLINK netns, name vnet0, flags 0x1\/0x1 on tmp0: EEXIST, /,
    )
    expect(getLink(sock, { name: 'tmp0' })).toBeUndefined()
    expect(getLink(there, { name: 'tmp0' })!.flags & IFF_UP).toBe(0)
  })

  test('an interface moves under the new name if the old one is taken there, or remains without one', () => {
    far.ip('link add tmp0 type bridge')
    own.tap(home, 'tmp0')
    const ifindex = indexOf('tmp0')
    expect(refusal(() => setLink(sock, ifindex, { netnsFd: far.fd })).code).toBe('EEXIST')
    expect(getLink(sock, { ifindex })?.name).toBe('tmp0')
    setLink(sock, ifindex, { netnsFd: far.fd, name: 'vnet0' })
    expect(getLink(there, { name: 'vnet0' })?.kind).toBe('tun')
  })
})

describe('addresses', () => {
  test('addAddress adds addresses like `ip addr add`', () => {
    home.ip('link add br0 up type bridge', 'link add br1 up type bridge')
    const cidrs = ['198.18.0.1/24', '198.18.1.1/32', '2001:db8::1/64']
    for (const cidr of cidrs) {
      addAddress(sock, indexOf('br0'), parsePrefix(cidr)!)
      home.ip(`addr add ${cidr} dev br1`)
    }
    const shown = (name: string) => {
      const [{ addr_info }] = JSON.parse(home.ip(`-j addr show dev ${name}`))
      return addr_info.filter(({ scope }: { scope: string }) => scope === 'global').map(withoutName)
    }
    const withoutName = ({ label, tentative, ...rest }: Record<string, unknown>) => rest
    expect(shown('br0')).toHaveLength(3)
    expect(shown('br0')).toEqual(shown('br1'))
  })

  test('without duplicate address detection an IPv6 address is usable immediately', () => {
    home.ip('link add veth0 up type veth peer name veth1', 'link set veth1 up')
    const ifindex = indexOf('veth0')
    const IFA_F_TENTATIVE = 0x40
    addAddress(sock, ifindex, parsePrefix('2001:db8::1/64')!)
    addAddress(sock, ifindex, parsePrefix('2001:db8::2/64')!, { nodad: true })
    const tentative = new Map(
      getAddresses(sock, ifindex).map(({ bytes, flags }) => [
        formatAddress(bytes),
        (flags & IFA_F_TENTATIVE) !== 0,
      ]),
    )
    expect(tentative.get('2001:db8::1')).toBe(true)
    expect(tentative.get('2001:db8::2')).toBe(false)
  })

  test('getAddresses reads the addresses of one interface', () => {
    home.ip('link add br0 type bridge', 'link add br1 type bridge')
    addAddress(sock, indexOf('br0'), parsePrefix('198.18.0.1/24')!)
    addAddress(sock, indexOf('br1'), parsePrefix('198.18.1.1/24')!)
    addAddress(sock, indexOf('br1'), parsePrefix('2001:db8::1/64')!)
    home.ip('addr add 198.18.2.1 peer 198.18.2.2/32 dev br1')
    const read = (ifindex: number) => getAddresses(sock, ifindex).map(formatPrefix)
    expect(read(indexOf('br0'))).toEqual(['198.18.0.1/24'])
    expect(read(indexOf('br1'))).toEqual(['198.18.1.1/24', '198.18.2.1/32', '2001:db8::1/64'])
    expect(refusal(() => read(4711)).code).toBe('ENODEV')
  })

  test('an existing address is refused with the kernel’s message', () => {
    home.ip('link add vnet0 type bridge')
    const cidr = parsePrefix('198.18.0.1/24')!
    addAddress(sock, indexOf('vnet0'), cidr)
    expect(refusal(() => addAddress(sock, indexOf('vnet0'), cidr)).message).toMatch(
      /^RTM_NEWADDR 198.18.0.1\/24 on vnet0: EEXIST, .*; ipv4: Address already assigned$/,
    )
  })
})

describe('routes', () => {
  test('getRoutes reads the routes of both families and every table', () => {
    home.ip(
      'link add br0 up type bridge',
      'addr add 198.18.0.1/24 dev br0',
      'addr add 2001:db8::1/64 dev br0 nodad',
    )
    home.ip('route add default dev br0 metric 7', 'route add 192.0.2.0/24 dev br0 table 1000')
    home.ip(
      'route add blackhole 198.19.0.0/16',
      'route add 198.19.1.0/24 nexthop dev br0 nexthop dev br0',
    )
    const oif = indexOf('br0')
    const routes = getRoutes(sock).map(({ dst, ...rest }) => ({ ...rest, dst: formatAddress(dst) }))
    const plain = { table: 254, metric: 0, complex: false }
    const expected = [
      { family: AF_INET, dst: '198.18.0.0', prefixLen: 24, oif, type: 1, ...plain },
      { family: AF_INET, dst: '198.18.0.1', prefixLen: 32, oif, type: 2, ...plain, table: 255 },
      { family: AF_INET, dst: '0.0.0.0', prefixLen: 0, oif, type: 1, ...plain, metric: 7 },
      { family: AF_INET, dst: '192.0.2.0', prefixLen: 24, oif, type: 1, ...plain, table: 1000 },
      { family: AF_INET, dst: '198.19.0.0', prefixLen: 16, oif: undefined, type: 6, ...plain },
      { family: AF_INET, dst: '198.19.1.0', prefixLen: 24, oif, type: 1, ...plain, complex: true },
      { family: AF_INET6, dst: '2001:db8::', prefixLen: 64, oif, type: 1, ...plain, metric: 256 },
      { family: AF_INET6, dst: '2001:db8::1', prefixLen: 128, oif, type: 2, ...plain, table: 255 },
    ]
    for (const route of expected) {
      expect(routes).toContainEqual(route)
    }
  })

  test('overlappingRoute finds the interface that conflicts with an address', () => {
    home.ip(
      'link add br0 up type bridge',
      'link add br1 up type bridge',
      'addr add 198.18.0.1/24 dev br0',
    )
    home.ip('route add default dev br0')
    const routes = getRoutes(sock)
    expect(overlappingRoute(routes, parsePrefix('198.18.0.9/24')!)?.oif).toBe(indexOf('br0'))
    expect(overlappingRoute(routes, parsePrefix('198.18.0.9/24')!, indexOf('br0'))).toBeUndefined()
    expect(overlappingRoute(routes, parsePrefix('198.18.1.1/24')!)).toBeUndefined()
    expect(overlappingRoute(routes, parsePrefix('2001:db8::1/64')!)).toBeUndefined()
  })

  test('overlappingRoute ignores routes that take no traffic', () => {
    const route = (cidr: string, type = 1): Route => {
      const { bytes, prefixLen } = parsePrefix(cidr)!
      const family = bytes.length === 4 ? AF_INET : AF_INET6
      return { family, dst: bytes, prefixLen, oif: 2, type, table: 254, metric: 0 }
    }
    const inTheWay = (cidr: string, ...routes: Route[]) =>
      overlappingRoute(routes, parsePrefix(cidr)!) !== undefined
    expect(inTheWay('198.18.0.1/24', route('198.18.0.0/15'))).toBe(true)
    expect(inTheWay('198.18.0.1/24', route('198.18.0.77/32', 2))).toBe(true)
    expect(inTheWay('2001:db8::1/64', route('2001:db8::/32'))).toBe(true)
    const passed = [
      route('0.0.0.0/0'),
      route('0.0.0.0/1'),
      route('128.0.0.0/1'),
      route('198.18.0.255/32', 3),
    ]
    expect(inTheWay('198.18.0.1/24', ...passed, route('198.18.0.0/15', 6))).toBe(false)
    expect(inTheWay('169.254.3.1/24', route('169.254.0.0/16'))).toBe(false)
    expect(inTheWay('0.0.0.0/0', route('224.0.0.0/4'))).toBe(false)
    const passed6 = [
      route('::/0'),
      route('2000::/3'),
      route('fe80::/64'),
      route('ff00::/8', 5),
      route('ff00::/8'),
    ]
    expect(inTheWay('::/0', ...passed6)).toBe(false)
    expect(inTheWay('2001:db8::1/64', ...passed6)).toBe(false)
  })
})

describe('nsidOf', () => {
  test('nsidOf assigns an id to a namespace, which keeps it', () => {
    const far = own.add()
    const farther = own.add()
    expect(home.ip('netns list-id').trim()).toBe('')
    const nsid = nsidOf(sock, far.fd)
    expect(nsid).toBeGreaterThanOrEqual(0)
    expect(nsidOf(sock, far.fd)).toBe(nsid)
    expect(nsidOf(sock, farther.fd)).not.toBe(nsid)
    expect(home.ip('netns list-id')).toContain(`nsid ${nsid} (iproute2 netns name: ${far.name})`)
  })

  test('nsidOf returns -1 for the socket’s own namespace, which gets no id', () => {
    expect(nsidOf(sock, home.fd)).toBe(-1)
    expect(home.ip('netns list-id').trim()).toBe('')
  })

  test('nsidOf refuses a descriptor that is not a namespace', () => {
    const [fd] = own.tap(home, 'tap0')
    expect(refusal(() => nsidOf(sock, fd)).message).toMatch(
      /^RTM_GETNSID: EINVAL, .*netns reference is invalid/,
    )
  })
})

describe('RouteSocket', () => {
  test('a closed RouteSocket leaves no descriptor and throws EBADF', () => {
    const before = readdirSync('/proc/self/fd').length
    for (let i = 0; i < 3; i++) {
      const some = RouteSocket.open(own.native, home.fd)
      nsidOf(some, home.fd)
      some.close()
      some.close()
      expect(refusal(() => getLinks(some)).message).toMatch(/^RTM_GETLINK: EBADF, /)
    }
    expect(readdirSync('/proc/self/fd').length).toBe(before)
  })

  test('an exception of the callback does not affect the next request', () => {
    home.ip('link add br0 type bridge')
    const request = {
      type: 18,
      what: () => 'RTM_GETLINK',
      write: (b: { payload(o: Uint8Array): unknown }) => b.payload(new Uint8Array(16)),
    }
    const spoil = () =>
      sock.dump(request, () => {
        throw new Error('spoilt')
      })
    expect(spoil).toThrow('spoilt')
    expect(getLinks(sock).map(({ name }) => name)).toEqual(['lo', 'br0'])
    expect(getLink(sock, { name: 'br0' })?.kind).toBe('bridge')
  })
})
