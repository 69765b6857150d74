/**
 * Features of a LinuxPlatform's port: offloads, as `ethtool -k` shows them; the medium; queues; a
 * default route.
 */
import { describe, expect, test } from 'vitest'
import { EINVAL, EMFILE, EOPNOTSUPP, EPERM } from '#src/base/errno.ts'
import {
  AF_INET,
  IFF_NO_CARRIER,
  ifreqFlags,
  TUN_F_USO4,
  TUNSETCARRIER,
  TUNSETIFF,
  TUNSETOFFLOAD,
} from '#src/linux/uapi.ts'
import * as flags from '#src/netdev/if.ts'
import type { Netns } from '#support/netns.ts'
import { TapPorts } from '#support/tap-ports.ts'

describe('setFeatures', () => {
  const SWITCHES = {
    'tx-checksum-ip-generic': 'csum',
    'tx-tcp-segmentation': 'tso',
    'tx-tcp6-segmentation': 'tso6',
    'tx-tcp-ecn-segmentation': 'ecn',
    'tx-udp-segmentation': 'uso',
  }

  /** The features that `ethtool -k` shows as on. */
  function shown(netns: Netns): string[] {
    const lines = netns.exec('ethtool -k tap0').split('\n')
    return Object.entries(SWITCHES).flatMap(([name, short]) =>
      lines.some(line => line.trim().startsWith(`${name}: on`)) ? [short] : [],
    )
  }

  const BOTH = flags.NETIF_F_IP_CSUM | flags.NETIF_F_IPV6_CSUM
  const SOFT = flags.NETIF_F_SG | flags.NETIF_F_GSO
  const ALL = ['csum', 'tso', 'tso6', 'ecn', 'uso']
  const cases: [string, number, number, string[]][] = [
    ['nothing', 0, 0, []],
    [
      'everything',
      flags.NETIF_F_ALL_TAP | flags.NETIF_F_GSO,
      flags.NETIF_F_ALL_TAP | flags.NETIF_F_GSO,
      ALL,
    ],
    ['checksums of any kind', flags.NETIF_F_HW_CSUM, flags.NETIF_F_HW_CSUM, ['csum']],
    [
      'no checksums',
      flags.NETIF_F_NO_CSUM | flags.NETIF_F_TSO,
      flags.NETIF_F_NO_CSUM | flags.NETIF_F_TSO,
      ['csum', 'tso'],
    ],
    [
      'checksums of both protocols',
      BOTH | SOFT | flags.NETIF_F_TSO6,
      BOTH | SOFT | flags.NETIF_F_TSO6,
      ['csum', 'tso6'],
    ],
    ['checksums of IPv4 alone', flags.NETIF_F_IP_CSUM | SOFT | flags.NETIF_F_TSO, SOFT, []],
    ['checksums of IPv6 alone', flags.NETIF_F_IPV6_CSUM | flags.NETIF_F_GSO_UDP_L4, 0, []],
    [
      'one beside any',
      flags.NETIF_F_HW_CSUM | flags.NETIF_F_IP_CSUM,
      flags.NETIF_F_HW_CSUM,
      ['csum'],
    ],
    [
      'segmentation without checksums',
      SOFT | flags.NETIF_F_TSO | flags.NETIF_F_TSO_ECN | flags.NETIF_F_GSO_UDP_L4,
      SOFT,
      [],
    ],
    [
      'ECN without TSO',
      flags.NETIF_F_HW_CSUM | flags.NETIF_F_TSO_ECN,
      flags.NETIF_F_HW_CSUM,
      ['csum'],
    ],
    [
      'USO',
      flags.NETIF_F_HW_CSUM | flags.NETIF_F_GSO_UDP_L4,
      flags.NETIF_F_HW_CSUM | flags.NETIF_F_GSO_UDP_L4,
      ['csum', 'uso'],
    ],
  ]

  test.each(cases)(
    'setFeatures with %s returns what a TAP supports, and ethtool shows it',
    async (_, asked, got, on) => {
      const taps = new TapPorts()
      const port = await taps.open({ features: flags.NETIF_F_ALL_TAP })
      expect(shown(taps.home)).toEqual(ALL)
      expect([port.setFeatures(asked), port.features]).toEqual([got, got])
      expect(shown(taps.home)).toEqual(on)
      expect(port.setFeatures(flags.NETIF_F_ALL_TAP)).toBe(flags.NETIF_F_ALL_TAP)
      expect(shown(taps.home)).toEqual(ALL)
    },
  )

  test.each(cases.slice(1))(
    'opening with %s grants the same features',
    async (_, asked, got, on) => {
      const taps = new TapPorts()
      expect((await taps.open({ features: asked })).features).toBe(got)
      expect(shown(taps.home)).toEqual(on)
    },
  )

  test('setFeatures grants nothing without a vnet header', async () => {
    const taps = new TapPorts()
    const port = await taps.open()
    expect([port.setFeatures(flags.NETIF_F_ALL_TAP), port.features, shown(taps.home)]).toEqual([
      0,
      0,
      [],
    ])
  })

  test('setFeatures grants all but USO on a kernel without it', async () => {
    const taps = new TapPorts(({ ioctl }) => ({
      ioctl: (fd, request, arg) =>
        request === TUNSETOFFLOAD && ((arg as number) & TUN_F_USO4) !== 0
          ? -EINVAL
          : ioctl(fd, request, arg),
    }))
    const port = await taps.open({ features: flags.NETIF_F_ALL_TAP })
    const without = flags.NETIF_F_ALL_TAP & ~flags.NETIF_F_GSO_UDP_L4
    expect([port.features, port.setFeatures(0), port.setFeatures(flags.NETIF_F_ALL_TAP)]).toEqual([
      without,
      0,
      without,
    ])
    expect(shown(taps.home)).toEqual(['csum', 'tso', 'tso6', 'ecn'])
  })

  test('setFeatures throws EBADFD when the interface is deleted or the port is closed', async () => {
    const taps = new TapPorts()
    const port = await taps.open({ features: flags.NETIF_F_ALL_TAP })
    taps.home.ip('link del tap0')
    expect(() => port.setFeatures(0)).toThrow(
      /^TUNSETOFFLOAD tap0: EBADFD.*; the interface is gone$/,
    )
    await port.close()
    expect(() => port.setFeatures(0)).toThrow(/^tap0: EBADFD/)
  })
})

describe('linkKsettings', () => {
  const shown = (netns: Netns) => netns.exec('ethtool tap0').match(/(?<=Speed: |Duplex: ).*/g)

  test('linkKsettings are what ethtool shows, in our own and in another namespace', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    for (const netns of [taps.home, far]) {
      const port = await taps.open({ netns: netns.name })
      await port.apply({ linkKsettings: { speed: 25_000, duplex: 'full' }, up: true })
      expect(shown(netns)).toEqual(['25000Mb/s', 'Full'])
      await port.apply({ linkKsettings: { speed: 10, duplex: 'half' } })
      expect(shown(netns)).toEqual(['10Mb/s', 'Half'])
    }
  })

  test('with autoneg, both ends of a twisted pair support all speeds up to the given one', async () => {
    const taps = new TapPorts()
    const port = await taps.open()
    await port.apply({ linkKsettings: { speed: 1000, duplex: 'full', autoneg: true } })
    const text = taps.home.exec('ethtool tap0')
    const modes = (title: string) =>
      new RegExp(`${title} link modes: ([^:]*)\\n`).exec(text)?.[1]?.trim().split(/\s+/)
    const five = [
      '10baseT/Half',
      '10baseT/Full',
      '100baseT/Half',
      '100baseT/Full',
      '1000baseT/Half',
      '1000baseT/Full',
    ]
    expect(modes('Supported')?.slice(0, 6)).toEqual(five)
    expect(modes('Advertised')?.slice(0, 6)).toEqual(five)
    expect(modes('Link partner advertised')?.slice(0, 6)).toEqual(five)
    expect(text).toMatch(/Supported ports: \[ TP \]/)
    expect(text).toMatch(/Auto-negotiation: on/)
    expect(text).not.toContain('2500base')
    await port.apply({ linkKsettings: { speed: 10_000, duplex: 'full', autoneg: true } })
    const fast = taps.home.exec('ethtool tap0')
    for (const mode of ['2500baseT/Full', '5000baseT/Full', '10000baseT/Full']) {
      expect(fast).toContain(mode)
    }
    await port.apply({ linkKsettings: { speed: 1000, duplex: 'full' } })
    expect(taps.home.exec('ethtool tap0')).toMatch(
      /Supported link modes: +Not reported[\s\S]*Auto-negotiation: off/,
    )
  })

  test('a fibre link has one speed, without negotiation', async () => {
    const taps = new TapPorts()
    const port = await taps.open()
    for (const [speed, mode] of [
      [25_000, '25000baseSR/Full'],
      [40_000, '40000baseSR4/Full'],
      [50_000, '50000baseSR/Full'],
      [100_000, '100000baseSR4/Full'],
    ] as const) {
      await port.apply({ linkKsettings: { speed, duplex: 'full', port: 'fibre' } })
      const text = taps.home.exec('ethtool tap0')
      expect(text).toMatch(/Supported ports: \[ FIBRE \]/)
      expect(
        text.match(new RegExp(`(Supported|Advertised) link modes: +${mode}\n`, 'g')),
      ).toHaveLength(2)
      expect(text).not.toContain('Link partner')
      expect(text).toMatch(/Auto-negotiation: off\n[\s\S]*Port: FIBRE\n/)
    }
  })

  test('speed and partner are unknown without a carrier, and return with it', async () => {
    const taps = new TapPorts()
    const port = await taps.open({ carrier: false })
    const speed = () => taps.home.exec('cat /sys/class/net/tap0/speed /sys/class/net/tap0/duplex')
    await port.apply({ linkKsettings: { speed: 1000, duplex: 'full', autoneg: true }, up: true })
    for (let turn = 0; turn < 2; turn++) {
      expect(shown(taps.home)).toEqual(['Unknown!', 'Unknown! (255)'])
      expect(speed()).toBe('-1\nunknown\n')
      expect(taps.home.exec('ethtool tap0')).toMatch(/Advertised link modes: +10baseT/)
      expect(taps.home.exec('ethtool tap0')).not.toContain('Link partner')
      await port.apply({ carrier: true })
      expect(shown(taps.home)).toEqual(['1000Mb/s', 'Full'])
      expect(speed()).toBe('1000\nfull\n')
      expect(taps.home.exec('ethtool tap0')).toMatch(/Link partner advertised link modes: +10baseT/)
      await port.apply({ carrier: false })
    }
    // Without settings they are left to the kernel.
    const other = await taps.open({ name: 'tap1', carrier: false })
    const before = taps.home.exec('ethtool tap1')
    await other.apply({ carrier: true })
    await other.apply({ carrier: false })
    expect(taps.home.exec('ethtool tap1')).toBe(before)
  })

  test('speed is set before the carrier, which comes on even if the speed cannot be set', async () => {
    const calls: string[] = []
    let broken = false
    const taps = new TapPorts(native => ({
      socket(domain, type, protocol, nsfd) {
        return domain === AF_INET && broken ? -EMFILE : native.socket(domain, type, protocol, nsfd)
      },
      ioctl(fd, request, arg, data) {
        if (request === SIOCETHTOOL && data?.[0] === 0x4d) {
          calls.push('settings')
        }
        if (request === TUNSETCARRIER) {
          calls.push('carrier')
        }
        return native.ioctl(fd, request, arg, data)
      },
    }))
    const port = await taps.open({ carrier: false })
    await port.apply({ linkKsettings: { speed: 1000, duplex: 'full' }, up: true })
    calls.length = 0
    await port.apply({ carrier: true })
    await port.apply({ carrier: false })
    expect(calls).toEqual(['settings', 'carrier', 'carrier', 'settings'])
    broken = true
    await expect(port.apply({ carrier: true })).rejects.toThrow(
      /^ETHTOOL_SLINKSETTINGS tap0: EMFILE/,
    )
    expect(taps.home.exec('cat /sys/class/net/tap0/carrier')).toBe('1\n')
  })

  const SIOCETHTOOL = 0x8946

  /** A kernel that refuses the socket, the query or the setting with `error`. */
  function refusing(where: 'socket' | 'question' | 'setting', error: number): TapPorts {
    let asked = 0
    return new TapPorts(native => ({
      socket(domain, type, protocol, nsfd) {
        if (domain === AF_INET && where === 'socket') return -error
        return native.socket(domain, type, protocol, nsfd)
      },
      ioctl(fd, request, arg, data) {
        if (request === SIOCETHTOOL && asked++ === (where === 'question' ? 0 : 1)) return -error
        return native.ioctl(fd, request, arg, data)
      },
    }))
  }

  test.each([
    ['question', EOPNOTSUPP],
    ['question', EPERM],
    ['setting', EOPNOTSUPP],
    ['setting', EPERM],
  ] as const)(
    'a kernel that refuses the %s with %i does not keep the port from working',
    async (where, error) => {
      const taps = refusing(where, error)
      const port = await taps.open()
      const before = shown(taps.home)
      await port.apply({ linkKsettings: { speed: 1000, duplex: 'half' }, mtu: 1400 })
      expect(port.link.mtu).toBe(1400)
      expect(shown(taps.home)).toEqual(before)
    },
  )

  test.each([
    ['socket', EMFILE],
    ['question', EINVAL],
    ['setting', EINVAL],
  ] as const)('another failure, of the %s with %i, is one', async (where, error) => {
    const taps = refusing(where, error)
    const port = await taps.open()
    const refused = expect(port.apply({ linkKsettings: { speed: 1000, duplex: 'half' } })).rejects
    await refused.toThrow(/^ETHTOOL_SLINKSETTINGS tap0: E/)
  })
})

test('a port opened without a carrier never has one, in our own and in another namespace', async () => {
  const taps = new TapPorts()
  const far = taps.own.add()
  for (const netns of [taps.home, far]) {
    const port = await taps.open({ netns: netns.name, carrier: false })
    await port.apply({ up: true })
    const count = () => netns.exec('cat /sys/class/net/tap0/carrier_up_count').trim()
    expect(netns.exec('cat /sys/class/net/tap0/carrier').trim()).toBe('0')
    expect(count()).toBe('0')
    await port.apply({ carrier: true })
    expect(netns.exec('cat /sys/class/net/tap0/carrier').trim()).toBe('1')
    expect(count()).toBe('1')
  }
})

test('a port opened without a carrier has none on a kernel without IFF_NO_CARRIER', async () => {
  const taps = new TapPorts(native => ({
    ioctl(fd, request, arg, data) {
      if (request === TUNSETIFF && arg instanceof Uint8Array) {
        new DataView(arg.buffer).setUint16(16, ifreqFlags(arg) & ~IFF_NO_CARRIER, true)
      }
      return native.ioctl(fd, request, arg, data)
    },
  }))
  const port = await taps.open({ carrier: false })
  await port.apply({ up: true })
  expect(taps.home.exec('cat /sys/class/net/tap0/carrier')).toBe('0\n')
})

describe('a port of one queue', () => {
  const shown = (netns: Netns) => JSON.parse(netns.ip('-d -j link show tap0'))[0]

  test('a port of one queue is shown with one, and a persistent one with more', async () => {
    const taps = new TapPorts()
    const one = await taps.open()
    expect(shown(taps.home)).toMatchObject({ num_tx_queues: 1, num_rx_queues: 1 })
    expect(one.link.queues).toBe(1)
    await one.close()
    const stays = await taps.open({ persist: true })
    expect(shown(taps.home).linkinfo.info_data).toMatchObject({ multi_queue: true, numqueues: 1 })
    await stays.close()
    const more = await taps.open({ queues: 2 })
    expect(more.link.queues).toBe(2)
    await more.apply({ persist: false })
  })
})

describe('a default route', () => {
  const via = (octet: number) => Uint8Array.of(198, 18, 0, octet)
  // The carrier of other links does not matter.
  const routes = (netns: Netns) =>
    netns
      .ip('route show')
      .trim()
      .split('\n')
      .map(line => line.replace(/( linkdown)? *$/, ''))

  test('a default route needs no address on the link, precedes others, and can be removed', async () => {
    const taps = new TapPorts()
    const { home } = taps
    const port = await taps.open()
    const none = port.apply({ defaultRoute: { via: via(1), there: true } })
    await expect(none).rejects.toThrow(/^RTM_NEWROUTE default via 198\.18\.0\.1 on tap0: ENETDOWN/)
    await port.apply({ up: true, defaultRoute: { via: via(1), there: true } })
    expect(routes(home)).toEqual(['default via 198.18.0.1 dev tap0 proto static onlink'])
    expect(home.ip('route show table local')).toBe('')
    await port.apply({ defaultRoute: { via: via(1), there: false } })
    home.ip(
      'link add other type veth peer name other1',
      'addr add 192.0.2.2/24 dev other',
      'link set other up',
    )
    home.ip('route add default via 192.0.2.1 dev other')
    const before = routes(home)
    await port.apply({ defaultRoute: { via: via(1), there: true } })
    await port.apply({ defaultRoute: { via: via(1), there: true } })
    expect(routes(home)).toEqual(['default via 198.18.0.1 dev tap0 proto static onlink', ...before])
    expect(home.ip('route get 203.0.113.1')).toMatch(/^203\.0\.113\.1 via 198\.18\.0\.1 dev tap0/)
    await port.apply({ defaultRoute: { via: via(9), there: false } })
    expect(routes(home)).toHaveLength(before.length + 1)
    await port.apply({ defaultRoute: { via: via(1), there: false } })
    await port.apply({ defaultRoute: { via: via(1), there: false } })
    expect(routes(home)).toEqual(before)
    await port.apply({ defaultRoute: { via: via(1), there: true } })
    await port.close()
    expect(routes(home)).toEqual(before)
  })
})
