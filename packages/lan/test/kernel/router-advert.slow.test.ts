/**
 * The kernel receives router advertisements: it solicits one, configures an address and a default
 * route, and removes the route when the router stops.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { parseAddress } from '#src/packet/address.ts'
import { finish, onesComplementSum, pseudoHeaderSum6 } from '#src/packet/checksum.ts'
import * as ipv6 from '#src/packet/ipv6.ts'
import { type Netns, OwnNetns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { isRouterSolicitation } from '../../src/packet/router-advert.ts'
import { RaSender } from '../../src/services/router-advert.ts'

let own: OwnNetns
let host: Netns
let segment: Netns

beforeEach(() => {
  own = new OwnNetns()
  host = own.add()
  segment = own.addQuiet()
  host.ip(`link add host0 type veth peer name port0 netns ${segment.name}`)
  host.exec(
    'sysctl -qw net.ipv6.conf.host0.accept_dad=0 net.ipv6.conf.host0.router_solicitation_delay=0',
  )
  segment.ip('link set port0 up')
})
afterEach(() => own.remove())

const MAC = [2, 0, 0, 0, 0, 1]
const ROUTER = parseAddress('fe80::1')!

/** Builds an Ethernet frame with an ICMPv6 message from the router. */
function framed(body: Uint8Array, destination: Readonly<Uint8Array>): Uint8Array {
  const group = [0x33, 0x33, ...destination.slice(12)]
  const header = [
    0x60,
    0,
    0,
    0,
    body.length >> 8,
    body.length & 0xff,
    58,
    255,
    ...ROUTER,
    ...destination,
  ]
  const frame = Uint8Array.from([...group, ...MAC, 0x86, 0xdd, ...header, ...body])
  const sum = finish(
    onesComplementSum(frame, 54, body.length, pseudoHeaderSum6(frame, 14, 58, body.length)),
  )
  frame.set([sum >> 8, sum & 0xff], 56)
  return frame
}

test('the kernel solicits, makes an address from the prefix and routes via the router until it stops', async () => {
  await using clock = new TimerfdClock(own.native)
  using port = new PacketSocket(segment, 'port0')
  const sender = new RaSender({
    clock,
    random: random(1),
    advert: {
      hopLimit: 61,
      managed: false,
      other: false,
      lifetime: 1800,
      reachableTimeMs: 0,
      retransTimerMs: 0,
      mac: Uint8Array.from(MAC),
      mtu: 1400,
      prefixes: [
        {
          prefix: parseAddress('2001:db8:0:1::')!,
          prefixLen: 64,
          onLink: true,
          autonomous: true,
          validLifetime: 7200,
          preferredLifetime: 3600,
        },
      ],
    },
    // The first advertisement is lost: the interface is not up yet.
    send: (body, destination) => void port.trySend(framed(body, destination)),
  })
  host.ip('link set host0 address 02:00:00:00:00:02 up')
  const isSolicitation = ({ octets }: { octets: Uint8Array }) =>
    ipv6.parse(octets, 14, octets.length - 14) > 0 &&
    octets[20] === 58 &&
    isRouterSolicitation(octets.subarray(54), 255, octets.subarray(22, 38))
  await port.until(isSolicitation)
  sender.solicited()

  await expect
    .poll(() => host.ip('-6 -o addr show dev host0'))
    .toMatch(/2001:db8:0:1:0:ff:fe00:2\/64 .*valid_lft 7\d\d\dsec preferred_lft 3[56]\d\dsec/)
  await expect
    .poll(() => host.ip('-6 route show default'))
    .toMatch(/^default via fe80::1 dev host0 proto ra .*hoplimit 61/)
  expect(host.exec('sysctl -n net.ipv6.conf.host0.mtu').trim()).toBe('1400')
  sender.stop()
  await expect.poll(() => host.ip('-6 route show default')).toBe('')
})
