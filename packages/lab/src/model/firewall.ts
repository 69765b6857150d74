/**
 * The rules of each firewall. In the kernel, nf_tables applies them; a router in memory applies
 * them itself.
 */
import { ipv4, type Prefix } from 'vnet'
import { dns } from 'vnet/kit/packet'
import type { AccessOptions } from './access.ts'
import { NAT64_NETWORK } from './subnet.ts'

export const HTTP_PORT = 80
export const HTTPS_PORT = 443
const IKE_PORT = 500

/** A rule matches packets that have all defined fields. */
export interface FirewallRule {
  /** Whether the packet comes from outside, or leaves to it. */
  readonly way: 'in' | 'out'
  readonly version?: 4 | 6
  readonly protocol?: number
  /** The destination's. */
  readonly port?: number
  readonly source?: Prefix
  readonly accepts: boolean
}

/** A refused packet for the router itself would take the port of a hole that is punched later. */
export const FOR_ROUTER: readonly FirewallRule[] = [ipv4.IPPROTO_TCP, ipv4.IPPROTO_UDP].map(
  protocol => {
    return { way: 'in', protocol, accepts: false }
  },
)

/**
 * Returns the rules for packets that a router forwards, except packets of known connections, which
 * always pass. The first rule that matches decides; a packet that matches none passes.
 */
export function firewallRules({ firewall, nat }: AccessOptions): readonly FirewallRule[] {
  const accept = (way: 'in' | 'out', match: Partial<FirewallRule>): FirewallRule => ({
    ...match,
    way,
    accepts: true,
  })
  const rules: FirewallRule[] = []
  // The NAT has filtered what it lets in.
  if (nat !== undefined && nat !== 'nptv6') {
    rules.push(accept('in', { version: 4 }))
  }
  if (nat === 'nat64') {
    rules.push(accept('in', { version: 6, source: NAT64_NETWORK }))
  }
  if (firewall === 'corporate') {
    rules.push(
      ...[HTTP_PORT, HTTPS_PORT].map(port => accept('out', { protocol: ipv4.IPPROTO_TCP, port })),
    )
  } else {
    // RFC 6092 section 3.2.4
    const ipsec = [
      { protocol: ipv4.IPPROTO_ESP },
      { protocol: ipv4.IPPROTO_AH },
      { protocol: ipv4.IPPROTO_UDP, port: IKE_PORT },
    ]
    rules.push(...ipsec.map(match => accept('in', { version: 6, ...match })))
  }
  if (firewall === 'captive-portal') {
    rules.push(
      ...[ipv4.IPPROTO_UDP, ipv4.IPPROTO_TCP].map(protocol =>
        accept('out', { protocol, port: dns.DNS_PORT }),
      ),
    )
  }
  const closed =
    firewall === 'corporate' || firewall === 'captive-portal'
      ? (['out', 'in'] as const)
      : (['in'] as const)
  return [...rules, ...closed.map(way => ({ way, accepts: false }))]
}
