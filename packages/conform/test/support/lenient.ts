/**
 * Repairs the frames of the peer before a host receives them: what it should drop, it then takes.
 * A case in which a host must not reply has to fail with it; otherwise its frame has another fault,
 * and the case would pass for a host that breaks the rule.
 */
import { ARP_LEN } from '#src/packet/arp.ts'
import { finish, onesComplementSum, pseudoHeaderSum6 } from '#src/packet/checksum.ts'
import { ETH_HLEN, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from '#src/packet/ethernet.ts'
import { ICMP_ECHO } from '#src/packet/icmp.ts'
import {
  NDISC_NEIGHBOUR_ADVERTISEMENT as ADVERTISEMENT,
  ICMPV6_ECHO_REQUEST as ECHO6,
  NDISC_NEIGHBOUR_SOLICITATION as SOLICITATION,
} from '#src/packet/icmpv6.ts'
import {
  fillHeaderChecksum,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HLEN,
} from '#src/packet/ipv4.ts'
import {
  IPV6_HLEN,
  NEXTHDR_DEST,
  NEXTHDR_FRAGMENT,
  NEXTHDR_HOP,
  NEXTHDR_ICMP,
  NEXTHDR_NONE,
} from '#src/packet/ipv6.ts'
import { get16, put16, put32 } from '#src/packet/octets.ts'
import { TCP_ACK, TCP_FIN, TCP_HLEN, TCP_RST, TCP_SYN } from '#src/packet/tcp.ts'
import { UDP_CHECK } from '#src/packet/udp.ts'
import { completeChecksum } from '#src/packet/upper-header.ts'
import { segmentOf } from '../../src/frames.ts'
import type { World } from '../../src/world.ts'

/** The ports of echo and discard. */
const [ECHO, DISCARD] = [7, 9]
const TYPES = [ETH_P_ARP, ETH_P_IP, ETH_P_IPV6]

/** Returns a world in which the host takes repaired frames. */
export function lenient(world: World): World {
  /** The next number that the host expects from each port, as its segments acknowledge it. */
  const expected = new Map<number, number>()
  const repaired = (frame: Uint8Array): Uint8Array => {
    const type = TYPES.find(known => known === get16(frame, 12)) ?? ETH_P_IP
    const bytes = new Uint8Array(Math.max(frame.length, ETH_HLEN + ARP_LEN))
    bytes.set(frame)
    bytes.set(world.host.mac, 0)
    put16(bytes, 12, type)
    if (type === ETH_P_ARP) {
      repairArp(bytes, world)
    }
    const whole = type === ETH_P_ARP ? bytes : bytes.subarray(0, frame.length)
    if (type === ETH_P_IP) {
      repairIpv4(whole, world, expected)
    } else if (type === ETH_P_IPV6) {
      repairIpv6(whole, world)
    }
    return whole
  }
  return {
    ...{
      tolerance: world.tolerance,
      host: world.host,
      peer: world.peer,
      port: world.port,
      program: world.program,
    },
    now: () => world.now(),
    sleepUntil: moment => world.sleepUntil(moment),
    close: () => world.close(),
    inject: frame => world.inject(repaired(frame)),
    async next(until) {
      const sent = await world.next(until)
      const segment = sent && segmentOf(sent.frame)
      if (segment?.isAck) {
        expected.set(segment.destinationPort, segment.acknowledgment)
      }
      return sent
    },
  }
}

function repairArp(bytes: Uint8Array, { host, peer }: World): void {
  bytes.set([0, 1, 8, 0, 6, 4, 0, 1], ETH_HLEN)
  bytes.set(peer.mac, ETH_HLEN + 8)
  bytes.set(peer.ip as Uint8Array, ETH_HLEN + 14)
  bytes.set(host.ip as Uint8Array, ETH_HLEN + 24)
}

function repairIpv4(
  bytes: Uint8Array,
  { host, peer }: World,
  expected: ReadonlyMap<number, number>,
): void {
  const ip = ETH_HLEN
  if (bytes.length < ip + IPV4_HLEN) return
  if (bytes[ip] !== 0x46 && bytes[ip] !== 0x47) {
    bytes[ip] = 0x45
  }
  const h = ip + ((bytes[ip] as number) & 15) * 4
  put16(bytes, ip + 2, bytes.length - ip)
  // All fragments belong to one packet.
  put16(bytes, ip + 4, 1)
  const isFragment = (get16(bytes, ip + 6) & 0x3fff) !== 0
  if (isFragment) {
    bytes[ip + 9] = IPPROTO_ICMP
  }
  bytes.set(peer.ip as Uint8Array, ip + 12)
  bytes.set(host.ip as Uint8Array, ip + 16)
  fillHeaderChecksum(bytes, ip)
  if (isFragment || h + 8 > bytes.length) return
  const protocol = bytes[ip + 9]
  if (protocol === IPPROTO_UDP) {
    if (get16(bytes, h + 2) === DISCARD) {
      put16(bytes, h + 2, ECHO)
    }
    put16(bytes, h + 4, bytes.length - h)
  } else if (protocol === IPPROTO_TCP) {
    repairTcp(bytes, h, expected)
  }
  completeChecksum(bytes, 0, bytes.length)
  if (protocol !== IPPROTO_ICMP) return
  bytes[h] = ICMP_ECHO
  put16(bytes, h + 2, 0)
  put16(bytes, h + 2, finish(onesComplementSum(bytes, h, bytes.length - h)))
}

/**
 * Gives a segment a valid header, the ACK flag, and the number that the host expects. One for no
 * connection then gets a reset.
 */
function repairTcp(bytes: Uint8Array, h: number, expected: ReadonlyMap<number, number>): void {
  const header = ((bytes[h + 12] as number) >>> 4) * 4
  if (header < TCP_HLEN || h + header > bytes.length) {
    bytes[h + 12] = TCP_HLEN << 2
  }
  const flags = bytes[h + 13] as number
  if ((flags & TCP_SYN) !== 0) return
  bytes[h + 13] = flags | TCP_ACK
  const next = expected.get(get16(bytes, h))
  if (next === undefined) {
    bytes[h + 13] = TCP_ACK
    return
  }
  if (bytes.length - h > header || (flags & (TCP_FIN | TCP_RST)) !== 0) {
    put32(bytes, h + 4, next)
  }
  put16(bytes, h + 14, 0xffff)
}

function repairIpv6(bytes: Uint8Array, { host, peer }: World): void {
  const ip = ETH_HLEN
  const h = ip + IPV6_HLEN
  bytes[ip] = 0x60
  bytes.set(peer.ip6 as Uint8Array, ip + 8)
  bytes.set(host.ip6 as Uint8Array, ip + 24)
  let end = bytes.length
  if (bytes[ip + 6] === NEXTHDR_HOP || bytes[ip + 6] === NEXTHDR_DEST) {
    // Without its options, which have eight bytes.
    bytes[ip + 6] = bytes[h] as number
    bytes.copyWithin(h, h + 8)
    end -= 8
  }
  put16(bytes, ip + 4, end - h)
  // All fragments belong to one packet.
  if (bytes[ip + 6] === NEXTHDR_FRAGMENT) {
    put32(bytes, h + 4, 1)
    return
  }
  if (bytes[ip + 6] === NEXTHDR_NONE) {
    bytes[ip + 6] = NEXTHDR_ICMP
  }
  const protocol = bytes[ip + 6] as number
  if (protocol === IPPROTO_UDP) {
    put16(bytes, h + 4, end - h)
  } else if (bytes[h] !== SOLICITATION && bytes[h] !== ADVERTISEMENT) {
    bytes[h] = ECHO6
  } else {
    bytes[ip + 7] = 255
    bytes[h] = SOLICITATION
    bytes[h + 1] = 0
    bytes.set(host.ip6 as Uint8Array, h + 8)
    if (end > h + 24) {
      bytes.set([1, 1], h + 24)
    }
  }
  const check = h + (protocol === IPPROTO_UDP ? UDP_CHECK : 2)
  put16(bytes, check, 0)
  put16(
    bytes,
    check,
    finish(onesComplementSum(bytes, h, end - h, pseudoHeaderSum6(bytes, ip, protocol, end - h))),
  )
}
