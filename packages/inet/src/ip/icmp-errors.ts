/** What Linux makes of ICMP errors: the errno for sockets, and whether it ends connections. */
import * as errnos from 'vnet/internal/base/errno'
import * as icmp from 'vnet/internal/packet/icmp'
import * as icmpv6 from 'vnet/internal/packet/icmpv6'
import table from './icmp-errors.json' with { type: 'json' }
import { IP4, type IpVersion } from './version.ts'

type Conversion = readonly [errno: number, isFatal: boolean]

/** By the codes of an "unreachable" of IPv4 (RFC 792, RFC 1122, RFC 1812 sec. 5.2.7.1). */
const UNREACHABLE4 = table.unreachable4.map(conversion)
/** By the codes of a "destination unreachable" of IPv6 (RFC 4443 section 3.1). */
const UNREACHABLE6 = table.unreachable6.map(conversion)

function conversion([name, isFatal]: readonly (string | boolean)[]): Conversion {
  return [errnos.errnoOf(name as errnos.ErrnoName), isFatal === true]
}

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

/** Names in counters by their types: `IcmpInDestUnreachs`, `Icmp6OutEchoReplies`. */
const NAMES4: Readonly<Record<string, string>> = table.counters4
const NAMES6: Readonly<Record<string, string>> = table.counters6

/** Returns the name of the counter of a type; undefined without one. */
export function counterOf(version: IpVersion, direction: 'In' | 'Out', type: number): string | undefined {
  const name = (version === IP4 ? NAMES4 : NAMES6)[type]
  return name && `${version === IP4 ? 'Icmp' : 'Icmp6'}${direction}${name}`
}

/** Returns the names of the counters of all types. */
export function counterNames(version: IpVersion): string[] {
  const types = Object.keys(version === IP4 ? NAMES4 : NAMES6).map(Number)
  return types.flatMap(type => [counterOf(version, 'In', type), counterOf(version, 'Out', type)] as string[])
}
