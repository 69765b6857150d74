/**
 * Access networks: the options of a router that make it the router of a home, a hotel or a mobile
 * network. A preset is a set of these options.
 */

import { ipv4, UsageError } from 'vnet'
import { durationOf } from 'vnet/kit/base'
import { schema } from 'vnet/kit/config'
import { DURATION, FLAG, type Forms, OBJECT, wordOf } from './options.ts'

const NATS = [
  'masquerade',
  'full-cone',
  'restricted',
  'port-restricted',
  'symmetric',
  'nat64',
  'nptv6',
] as const
const FIREWALLS = ['none', 'block-inbound', 'corporate', 'captive-portal'] as const

/** The NAT and the firewall of a router, between `inside` and `outside`. Each may be left out. */
export interface AccessOptions {
  /** The options of a kind of network. Options beside it replace its own. */
  readonly preset?: keyof typeof PRESETS
  /**
   * The NAT between `inside` and `outside`. `masquerade` is the kernel's own. The others are known
   * from RFC 3489; RFC 4787 describes each by its mapping and its filtering:
   *
   * - `full-cone`: one port for all peers, each of which may send to it.
   * - `restricted`: one port for all peers. Addresses that were sent to may send to it.
   * - `port-restricted`: one port for all peers. Peers that were sent to may send to it.
   * - `symmetric`: a port for each peer, which alone may send to it.
   *
   * `nat64` (RFC 6146) leads hosts inside, which have only IPv6, to IPv4 hosts outside. They reach
   * them by addresses of 64:ff9b::/96, which their names have there (DNS64, RFC 6147).
   *
   * `nptv6` (RFC 6296) gives each IPv6 host inside, in fd00::/48, one address outside of a /48.
   */
  readonly nat?: (typeof NATS)[number]
  /**
   * How long a mapping of UDP or TCP lasts without a packet from inside: a duration such as '30s',
   * or milliseconds.
   */
  readonly udpTimeout?: number | string
  readonly tcpTimeout?: number | string
  /** Whether hosts inside reach each other by the address outside. */
  readonly hairpin?: boolean
  /** Whether hosts inside can request ports outside, by PCP and NAT-PMP. */
  readonly portMapping?: boolean
  /** Ports outside, and the hosts inside that have them: `{ 'tcp 8080': 'server:80' }`. */
  readonly forward?: Readonly<Record<string, string>>
  /**
   * The packets that pass in addition to packets of known connections:
   *
   * - `none`: all.
   * - `block-inbound`: packets from inside (RFC 6092).
   * - `corporate`: TCP from inside to ports 80 and 443.
   * - `captive-portal`: the same as `block-inbound` for hosts that `router.accept` has accepted;
   *   only DNS for others: the router redirects their HTTP requests.
   */
  readonly firewall?: (typeof FIREWALLS)[number]
}

/** The options of each preset. Presets let nothing in that was not requested. */
const PRESETS = {
  home: { nat: 'port-restricted', hairpin: true, portMapping: true, firewall: 'block-inbound' },
  hotel: { nat: 'symmetric', udpTimeout: '60s', firewall: 'block-inbound' },
  cgnat: { nat: 'full-cone', hairpin: true, portMapping: true, firewall: 'block-inbound' },
  mobile: { nat: 'symmetric', udpTimeout: '30s', tcpTimeout: '30min', firewall: 'block-inbound' },
  corporate: { nat: 'symmetric', firewall: 'corporate' },
  cloud: { nat: 'symmetric', udpTimeout: '350s', tcpTimeout: '350s', firewall: 'block-inbound' },
  'captive-portal': { nat: 'symmetric', udpTimeout: '60s', firewall: 'captive-portal' },
  'ipv6-only': { nat: 'nat64', firewall: 'block-inbound' },
} as const satisfies Readonly<Record<string, Omit<AccessOptions, 'preset'>>>

export const ACCESS: Forms<AccessOptions> = {
  preset: wordOf('a preset, which are', Object.keys(PRESETS)),
  nat: wordOf('a NAT, which are', NATS),
  udpTimeout: DURATION,
  tcpTimeout: DURATION,
  hairpin: FLAG,
  portMapping: FLAG,
  forward: { ...OBJECT, schema: schema.record(schema.anyText) },
  firewall: wordOf('a firewall, which are', FIREWALLS),
}

/** Returns the options, completed by their preset. */
export function accessOf({ preset, ...options }: AccessOptions): Omit<AccessOptions, 'preset'> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...(preset && PRESETS[preset]), ...Object.fromEntries(given) }
}

/** Throws a UsageError for options that do not fit together. */
export function checkAccess(what: string, options: AccessOptions, hasOutside: boolean): void {
  const {
    nat,
    udpTimeout,
    tcpTimeout,
    hairpin,
    portMapping,
    forward = {},
    firewall,
  } = accessOf(options)
  const needsNat = Object.entries({
    udpTimeout,
    tcpTimeout,
    hairpin,
    portMapping,
    forward: options.forward,
  })
  if (!hasOutside) {
    if (nat !== undefined) throw new UsageError(`${what}: a NAT needs \`outside\``)
    if (firewall !== undefined) throw new UsageError(`${what}: a firewall needs \`outside\``)
  }
  const [alone] = needsNat.find(([, value]) => value !== undefined) ?? []
  if (nat === undefined && alone !== undefined) {
    throw new UsageError(`${what}: ${alone} needs \`nat\``)
  }
  if (nat === 'nat64' || nat === 'nptv6') {
    const ofIpv4 = {
      hairpin,
      portMapping,
      forward: options.forward,
      ...(nat === 'nptv6' && { udpTimeout, tcpTimeout }),
    }
    const [refused] = Object.entries(ofIpv4).find(([, value]) => value !== undefined) ?? []
    if (refused !== undefined) {
      throw new UsageError(`${what}: ${refused} is for a NAT of IPv4, not for ${nat}`)
    }
  }
  if (nat === 'masquerade' && portMapping) {
    throw new UsageError(`${what}: portMapping needs another NAT than masquerade`)
  }
  for (const [from, to] of Object.entries(forward)) {
    parseForward(what, from, to)
  }
  for (const [name, value] of Object.entries({ udpTimeout, tcpTimeout })) {
    if (nat === 'masquerade' && value !== undefined && durationOf(value) % 1e9 !== 0) {
      throw new UsageError(`${what}: ${name} of the kernel's NAT is in whole seconds`)
    }
  }
}

/** Parses `tcp 8080` and `server:80`, or `server` for the same port. Throws a UsageError. */
export function parseForward(what: string, from: string, to: string) {
  const [, protocol, port] = /^(tcp|udp) (\d+)$/.exec(from) ?? []
  const [, host, own = port] = /^([^:]+)(?::(\d+))?$/.exec(String(to)) ?? []
  if (protocol === undefined || host === undefined || !isPort(port) || !isPort(own)) {
    throw new UsageError(
      `${what}: forward '${from}' to '${to}': write it as 'tcp 8080' to 'server:80'`,
    )
  }
  return {
    protocol: protocol === 'tcp' ? ipv4.IPPROTO_TCP : ipv4.IPPROTO_UDP,
    port: Number(port),
    host,
    to: Number(own),
  }
}

const isPort = (text: string | undefined): boolean => Number(text) >= 1 && Number(text) < 65_536
