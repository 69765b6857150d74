/**
 * Fields of net_device as the kernel shows them: etherSetup's defaults, flags that a user sets,
 * flags that only the kernel sets, ifmap, ioctls.
 */
import { describe, expect, test } from 'vitest'
import { EOPNOTSUPP } from '#src/base/errno.ts'
import { check } from '#src/linux/errno.ts'
import { ifreq, ifreqFlags, SIOCDEVPRIVATE } from '#src/linux/uapi.ts'
import {
  IFF_AUTOMEDIA,
  IFF_BROADCAST,
  IFF_DYNAMIC,
  IFF_LOOPBACK,
  IFF_MASTER,
  IFF_MULTICAST,
  IFF_NOTRAILERS,
  IFF_POINTOPOINT,
  IFF_PORTSEL,
  IFF_RUNNING,
  IFF_SLAVE,
} from '#src/netdev/if.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { shownLink } from '#support/shown-link.ts'
import { startVnet, stopConserved } from '#support/vnet-process.ts'

// include/uapi/linux/sockios.h, sys/socket.h
const SIOCGIFFLAGS = 0x8913
const SIOCSIFFLAGS = 0x8914
const SIOCGIFMAP = 0x8970
const SIOCSIFMAP = 0x8971
const AF_INET = 2
const SOCK_DGRAM = 2

const { own, netns } = freshQuietNamespaces('netns')

/** ioctl(2) on a socket of the namespace; `ifr` is rewritten. */
function ioctl(request: number, ifr: Uint8Array): number {
  const { native } = own
  const sock = own.own(native.socket(AF_INET, SOCK_DGRAM, 0, netns.fd))
  const answer = native.ioctl(sock, request, ifr)
  own.close(sock)
  return answer
}

/** Flips flags of an interface; returns those it then has. */
function flip(name: string, flags: number): number {
  const ask = (request: number, wanted = 0) => {
    const ifr = ifreq(name, wanted)
    check(ioctl(request, ifr), `ioctl 0x${request.toString(16)}`)
    return ifreqFlags(ifr)
  }
  ask(SIOCSIFFLAGS, ask(SIOCGIFFLAGS) ^ flags)
  return ask(SIOCGIFFLAGS)
}

const start = () => startVnet(['loop', '--netns', netns.name, '--json', '-v'])

test('`ip link` shows what etherSetup filled in', async () => {
  const vnet = await start()
  expect(shownLink(netns, 'vnet0')).toMatchObject({
    link_type: 'ether',
    mtu: 1500,
    min_mtu: 68,
    max_mtu: 65521,
    txqlen: 1000,
    broadcast: 'ff:ff:ff:ff:ff:ff',
    flags: expect.arrayContaining(['BROADCAST', 'MULTICAST']),
  })
  await stopConserved(vnet)
})

describe('the flag', () => {
  test.each([
    ['NOTRAILERS', IFF_NOTRAILERS],
    ['MULTICAST', IFF_MULTICAST],
    ['PORTSEL', IFF_PORTSEL],
    ['AUTOMEDIA', IFF_AUTOMEDIA],
    ['DYNAMIC', IFF_DYNAMIC],
  ])('the user may set the flag %s, and the driver is notified', async (name, flag) => {
    const vnet = await start()
    const before = shownLink(netns, 'vnet0').flags.includes(name)
    const flags = flip('vnet0', flag)
    expect([(flags & flag) !== 0, shownLink(netns, 'vnet0').flags.includes(name)]).toEqual([
      !before,
      !before,
    ])
    const line = await vnet.line(/vnet0: flags 0x/)
    expect(Number(/flags (0x[0-9a-f]+)/.exec(line)?.[1]) & 0xffff).toBe(flags)
    await stopConserved(vnet)
  })

  test.each([
    ['BROADCAST', IFF_BROADCAST],
    ['LOOPBACK', IFF_LOOPBACK],
    ['POINTOPOINT', IFF_POINTOPOINT],
    ['RUNNING', IFF_RUNNING],
    ['MASTER', IFF_MASTER],
    ['SLAVE', IFF_SLAVE],
  ])('the user cannot set the flag %s, and the driver is not notified', async (_, flag) => {
    const vnet = await start()
    const before = flip('vnet0', 0)
    expect(flip('vnet0', flag)).toBe(before)
    // Notifications arrive in order.
    const flags = flip('vnet0', IFF_DYNAMIC)
    const line = await vnet.line(/vnet0: flags 0x/)
    expect(Number(/flags (0x[0-9a-f]+)/.exec(line)?.[1]) & 0xffff).toBe(flags)
    await stopConserved(vnet)
  })
})

test('the kernel has no resources of a TAP to show or to set, and passes no private ioctl on', async () => {
  const vnet = await start()
  const map = ifreq('vnet0')
  expect([ioctl(SIOCGIFMAP, map), map.subarray(16).every(octet => octet === 0)]).toEqual([0, true])
  expect(ioctl(SIOCSIFMAP, map)).toBe(-EOPNOTSUPP)
  for (let n = 0; n < 16; n++) {
    expect(ioctl(SIOCDEVPRIVATE + n, ifreq('vnet0'))).toBe(-EOPNOTSUPP)
  }
  await stopConserved(vnet)
})
