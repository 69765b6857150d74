/** What a port of a LinuxHost lets the host do: offloads, as `ethtool -k` shows them; and the medium that `ethtool` shows. */
import { describe, expect, test } from 'vitest'
import { EINVAL, EMFILE, ENOENT, EOPNOTSUPP, EPERM, EPROTONOSUPPORT } from '../../src/core/errno.ts'
import {
  NETIF_F_ALL_TAP,
  NETIF_F_GSO,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_IP_CSUM,
  NETIF_F_IPV6_CSUM,
  NETIF_F_NO_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO_ECN,
  NETIF_F_TSO6,
} from '../../src/core/if.ts'
import { NETLINK_GENERIC, TUN_F_USO4, TUNSETOFFLOAD } from '../../src/kernel/uapi.ts'
import { NLMSG_ERROR } from '../../src/netlink/index.ts'
import type { Netns } from '../support/netns.ts'
import { TapPorts } from '../support/tap-ports.ts'

describe('setFeatures', () => {
  const SWITCHES = {
    'tx-checksum-ip-generic': 'csum',
    'tx-tcp-segmentation': 'tso',
    'tx-tcp6-segmentation': 'tso6',
    'tx-tcp-ecn-segmentation': 'ecn',
    'tx-udp-segmentation': 'uso',
  }

  /** What `ethtool -k` says is on. */
  function shown(netns: Netns): string[] {
    const lines = netns.exec('ethtool -k tap0').split('\n')
    return Object.entries(SWITCHES).flatMap(([name, short]) =>
      lines.some(line => line.trim().startsWith(`${name}: on`)) ? [short] : [],
    )
  }

  const BOTH = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM
  const SOFT = NETIF_F_SG | NETIF_F_GSO
  const ALL = ['csum', 'tso', 'tso6', 'ecn', 'uso']
  const cases: [string, number, number, string[]][] = [
    ['nothing', 0, 0, []],
    ['everything', NETIF_F_ALL_TAP | NETIF_F_GSO, NETIF_F_ALL_TAP | NETIF_F_GSO, ALL],
    ['checksums of any kind', NETIF_F_HW_CSUM, NETIF_F_HW_CSUM, ['csum']],
    ['no checksums', NETIF_F_NO_CSUM | NETIF_F_TSO, NETIF_F_NO_CSUM | NETIF_F_TSO, ['csum', 'tso']],
    ['checksums of both protocols', BOTH | SOFT | NETIF_F_TSO6, BOTH | SOFT | NETIF_F_TSO6, ['csum', 'tso6']],
    ['checksums of IPv4 alone', NETIF_F_IP_CSUM | SOFT | NETIF_F_TSO, SOFT, []],
    ['checksums of IPv6 alone', NETIF_F_IPV6_CSUM | NETIF_F_GSO_UDP_L4, 0, []],
    ['one beside any', NETIF_F_HW_CSUM | NETIF_F_IP_CSUM, NETIF_F_HW_CSUM, ['csum']],
    ['segmentation without checksums', SOFT | NETIF_F_TSO | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4, SOFT, []],
    ['ECN without TSO', NETIF_F_HW_CSUM | NETIF_F_TSO_ECN, NETIF_F_HW_CSUM, ['csum']],
    ['USO', NETIF_F_HW_CSUM | NETIF_F_GSO_UDP_L4, NETIF_F_HW_CSUM | NETIF_F_GSO_UDP_L4, ['csum', 'uso']],
  ]

  test.each(cases)('of %s gives what a TAP can express, which ethtool shows', async (_, asked, got, on) => {
    const taps = new TapPorts()
    const port = await taps.open({ features: NETIF_F_ALL_TAP })
    expect(shown(taps.home)).toEqual(ALL)
    expect([port.setFeatures(asked), port.features]).toEqual([got, got])
    expect(shown(taps.home)).toEqual(on)
    expect(port.setFeatures(NETIF_F_ALL_TAP)).toBe(NETIF_F_ALL_TAP)
    expect(shown(taps.home)).toEqual(ALL)
  })

  test.each(cases.slice(1))('opening with %s gives the same', async (_, asked, got, on) => {
    const taps = new TapPorts()
    expect((await taps.open({ features: asked })).features).toBe(got)
    expect(shown(taps.home)).toEqual(on)
  })

  test('gives nothing where there is no header to say it in', async () => {
    const taps = new TapPorts()
    const port = await taps.open()
    expect([port.setFeatures(NETIF_F_ALL_TAP), port.features, shown(taps.home)]).toEqual([0, 0, []])
  })

  test('gives all but USO where the kernel has none', async () => {
    const taps = new TapPorts(({ ioctl }) => ({
      ioctl: (fd, request, arg) =>
        request === TUNSETOFFLOAD && ((arg as number) & TUN_F_USO4) !== 0 ? -EINVAL : ioctl(fd, request, arg),
    }))
    const port = await taps.open({ features: NETIF_F_ALL_TAP })
    const without = NETIF_F_ALL_TAP & ~NETIF_F_GSO_UDP_L4
    expect([port.features, port.setFeatures(0), port.setFeatures(NETIF_F_ALL_TAP)]).toEqual([without, 0, without])
    expect(shown(taps.home)).toEqual(['csum', 'tso', 'tso6', 'ecn'])
  })

  test('is EBADFD when the interface is gone or the port closed', async () => {
    const taps = new TapPorts()
    const port = await taps.open({ features: NETIF_F_ALL_TAP })
    taps.home.ip('link del tap0')
    expect(() => port.setFeatures(0)).toThrow(/^TUNSETOFFLOAD tap0: EBADFD.*; the interface is gone$/)
    await port.close()
    expect(() => port.setFeatures(0)).toThrow(/^tap0: EBADFD/)
  })
})

describe('linkKsettings', () => {
  const shown = (netns: Netns) => netns.exec('ethtool tap0').match(/(?<=Speed: |Duplex: ).*/g)

  test('are what ethtool shows, at home and elsewhere', async () => {
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

  /** A kernel that refuses, with `error`, the socket, the question for the family, or the request to it. */
  function refusing(where: 'socket' | 'family' | 'request', error: number): TapPorts {
    let [generic, answers] = [-1, 0]
    return new TapPorts(native => ({
      socket(domain, type, protocol, nsfd) {
        if (protocol !== NETLINK_GENERIC) return native.socket(domain, type, protocol, nsfd)
        if (where === 'socket') return -error
        generic = native.socket(domain, type, protocol, nsfd)
        return generic
      },
      recvmsg(fd, into, flags, meta) {
        const length = native.recvmsg(fd, into, flags, meta)
        // A family's number comes in a message of its own before the acknowledgement.
        const at = where === 'family' ? 0 : 2
        if (fd !== generic || answers++ !== at) return length
        const view = new DataView(into.buffer)
        view.setUint16(4, NLMSG_ERROR, true)
        view.setInt32(16, -error, true)
        return length
      },
    }))
  }

  test.each([
    ['socket', EPROTONOSUPPORT],
    ['family', ENOENT],
    ['request', EOPNOTSUPP],
    ['request', EPERM],
  ] as const)(
    'where the kernel refuses the %s with %i nothing comes of it, and all else goes on',
    async (where, error) => {
      const taps = refusing(where, error)
      const port = await taps.open()
      const before = shown(taps.home)
      await port.apply({ linkKsettings: { speed: 1000, duplex: 'half' }, mtu: 1400 })
      expect(port.link.mtu).toBe(1400)
      if (where !== 'request') expect(shown(taps.home)).toEqual(before)
    },
  )

  test.each([
    ['socket', EMFILE, /^socket\(AF_NETLINK, NETLINK_GENERIC\): EMFILE/],
    ['request', EINVAL, /^ETHTOOL_MSG_LINKMODES_SET speed 1000 duplex half on ifindex \d+: EINVAL/],
  ] as const)('another failure, of the %s with %i, is one', async (where, error, message) => {
    const taps = refusing(where, error)
    const port = await taps.open()
    await expect(port.apply({ linkKsettings: { speed: 1000, duplex: 'half' } })).rejects.toThrow(message)
  })
})
