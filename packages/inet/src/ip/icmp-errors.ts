/** What Linux makes of ICMP errors: the errno for sockets, and whether it ends connections. */

import { icmp, icmpv6 } from 'vnet'
import { errnos } from 'vnet/kit/base'
import { IP4, type IpVersion } from './version.ts'

type Conversion = readonly [errno: number, isFatal: boolean]

/** By the codes of an "unreachable" of IPv4 (RFC 792, RFC 1122, RFC 1812 sec. 5.2.7.1). */
const UNREACHABLE4: readonly Conversion[] = [
  [errnos.ENETUNREACH, false],
  [errnos.EHOSTUNREACH, false],
  [errnos.ENOPROTOOPT, true],
  [errnos.ECONNREFUSED, true],
  [errnos.EMSGSIZE, false],
  [errnos.EOPNOTSUPP, false],
  [errnos.ENETUNREACH, true],
  [errnos.EHOSTDOWN, true],
  [errnos.ENONET, true],
  [errnos.ENETUNREACH, true],
  [errnos.EHOSTUNREACH, true],
  [errnos.ENETUNREACH, false],
  [errnos.EHOSTUNREACH, false],
  [errnos.EHOSTUNREACH, true],
  [errnos.EHOSTUNREACH, true],
  [errnos.EHOSTUNREACH, true],
]

/** By the codes of a "destination unreachable" of IPv6 (RFC 4443 section 3.1). */
const UNREACHABLE6: readonly Conversion[] = [
  [errnos.ENETUNREACH, false],
  [errnos.EACCES, true],
  [errnos.EHOSTUNREACH, false],
  [errnos.EHOSTUNREACH, false],
  [errnos.ECONNREFUSED, true],
  [errnos.EACCES, true],
  [errnos.EACCES, true],
]

/** Returns undefined for messages that sockets do not see. */
export function errorOf(version: IpVersion, type: number, code: number): Conversion | undefined {
  if (version === IP4) {
    if (type === icmp.ICMP_DEST_UNREACH) return UNREACHABLE4[code]
    if (type === icmp.ICMP_TIME_EXCEEDED) return [errnos.EHOSTUNREACH, false]
    return type === icmp.ICMP_PARAMETERPROB ? [errnos.EPROTO, true] : undefined
  }
  if (type === icmpv6.ICMPV6_DEST_UNREACH) return UNREACHABLE6[code] ?? [errnos.EPROTO, true]
  if (type === icmpv6.ICMPV6_PKT_TOOBIG) return [errnos.EMSGSIZE, false]
  if (type === icmpv6.ICMPV6_TIME_EXCEED) return [errnos.EHOSTUNREACH, false]
  return type === icmpv6.ICMPV6_PARAMPROB ? [errnos.EPROTO, true] : undefined
}

/** Names in counters by types: `IcmpInDestUnreachs`, `Icmp6OutEchoReplies`. */
const NAMES4 = new Map([
  [icmp.ICMP_ECHOREPLY, 'EchoReps'],
  [icmp.ICMP_DEST_UNREACH, 'DestUnreachs'],
  [icmp.ICMP_ECHO, 'Echos'],
  [icmp.ICMP_TIME_EXCEEDED, 'TimeExcds'],
  [icmp.ICMP_PARAMETERPROB, 'ParmProbs'],
])
const NAMES6 = new Map([
  [icmpv6.ICMPV6_DEST_UNREACH, 'DestUnreachs'],
  [icmpv6.ICMPV6_PKT_TOOBIG, 'PktTooBigs'],
  [icmpv6.ICMPV6_TIME_EXCEED, 'TimeExcds'],
  [icmpv6.ICMPV6_PARAMPROB, 'ParmProblems'],
  [icmpv6.ICMPV6_ECHO_REQUEST, 'Echos'],
  [icmpv6.ICMPV6_ECHO_REPLY, 'EchoReplies'],
  [icmpv6.NDISC_NEIGHBOUR_SOLICITATION, 'NeighborSolicits'],
  [icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT, 'NeighborAdvertisements'],
])

/** Returns the name of the counter of a type; undefined without one. */
export function counterOf(
  version: IpVersion,
  direction: 'In' | 'Out',
  type: number,
): string | undefined {
  const name = (version === IP4 ? NAMES4 : NAMES6).get(type)
  return name && `${version === IP4 ? 'Icmp' : 'Icmp6'}${direction}${name}`
}

/** Returns the names of the counters of all types. */
export function counterNames(version: IpVersion): string[] {
  const types = [...(version === IP4 ? NAMES4 : NAMES6).keys()]
  return types.flatMap(
    type => [counterOf(version, 'In', type), counterOf(version, 'Out', type)] as string[],
  )
}
