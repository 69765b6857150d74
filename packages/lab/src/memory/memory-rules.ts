/**
 * MemoryRules: what a router in memory does in place of the kernel's nf_tables: a firewall that
 * knows connections, hairpinning, and the redirection of a captive portal. kernel/access-rules.ts
 * has the same for the kernel.
 */

import type { ForwardedPacket, IpStack, StackRoute } from '@vnet/inet'
import { IP4, IP6, type IpVersion, keyOf } from '@vnet/inet/kit'
import { checksum, ipv4, type Prefix, parseAddress, tcp } from 'vnet'
import { get16, isInPrefix, long, put16, sameBytes } from 'vnet/kit/packet'
import {
  type AccessOptions,
  type FirewallRule,
  FOR_ROUTER,
  firewallRules,
  HTTP_PORT,
} from '../model/index.ts'
import { FIRST_PORT, LAST_PORT, PORT_CONTROL_PORT } from '../nat/nat-table.ts'
import type { Outside, RouterRules } from '../world/host-stack.ts'
import { CONNECTIONS_MAX, ConnectionTable, type Seen } from './connection-table.ts'

export class MemoryRules implements RouterRules {
  readonly masqueradeKind = 'port-restricted'
  readonly #ip: IpStack
  readonly #connections: ConnectionTable
  #firewall: { readonly name: string; readonly rules: readonly FirewallRule[] } | undefined
  #controlled: string | undefined
  #hairpin: Outside | undefined
  readonly #hairpinPorts = new Set<number>()
  #portal: { readonly name: string; readonly port: number } | undefined
  readonly #accepted = new Set<string>()
  /** The servers that clients of the portal meant, by client. */
  readonly #redirected = new Map<string, { readonly address: Uint8Array; readonly port: number }>()
  #arriving = 0
  #leaving = 0

  constructor(ip: IpStack) {
    this.#ip = ip
    this.#connections = new ConnectionTable(ip.clock)
  }

  /** The router has `masqueradeKind` in its place, on the cable outside. */
  masquerade(): void {}

  forward(): void {}

  refusePortControl(name: string): void {
    this.#controlled = name
    this.#start()
  }

  firewall(name: string, options: AccessOptions): void {
    this.#firewall = { name, rules: firewallRules(options) }
    this.#start()
  }

  captureHttp(name: string, port: number): void {
    this.#portal = { name, port }
    this.#start()
  }

  reachedInside(name: string, addresses: readonly Uint8Array[]): readonly Uint8Array[] {
    return addresses.filter(address => {
      const dev = this.#ip.routeTo(address)?.dev
      return dev !== undefined && dev.name !== name
    })
  }

  acceptSource(_name: string, addresses: readonly Uint8Array[]): void {
    for (const address of addresses) {
      this.#accepted.add(keyOf(address))
    }
  }

  routeHairpin(outside: Outside): void {
    this.#hairpin = outside
    this.#ip.divert = packet => this.#divert(packet)
    this.#ip.acceptsOwnFrom = outside.name
  }

  routeHairpinPort(_outside: Outside, port: number): void {
    this.#hairpinPorts.add(port)
  }

  routeOutside(name: string, network: Prefix, nextHop = ''): void {
    const dev = this.#ip.interfaces.find(each => each.name === name)
    if (dev !== undefined) {
      this.#ip.addRoute({ prefix: network, via: parseAddress(nextHop), dev })
    }
  }

  drops() {
    return { arriving: this.#arriving, leaving: this.#leaving }
  }

  #start(): void {
    this.#ip.filter = packet => this.#admits(packet)
  }

  #admits(packet: ForwardedPacket): boolean {
    const arrived = this.#connections.see(packet)
    if (arrived === undefined) return true
    const seen = this.#redirect(arrived)
      ? (this.#connections.see({ ...packet, to: undefined }) as Seen)
      : arrived
    const { name, rules = [] } = this.#firewall ?? {}
    const [isArriving, isLeaving] = [seen.from?.name, seen.to?.name].map(
      each => each !== undefined && each === name,
    )
    const isAdmitted =
      this.#connections.has(seen) ||
      (isArriving
        ? accepts(seen.to === undefined ? FOR_ROUTER : rules, 'in', seen)
        : !isLeaving ||
          seen.from === undefined ||
          this.#accepted.has(keyOf(seen.source)) ||
          accepts(rules, 'out', seen))
    const isRefused =
      seen.to === undefined &&
      seen.from?.name === this.#controlled &&
      this.#controlled !== undefined
    if (
      isAdmitted &&
      !(isRefused && seen.protocol === ipv4.IPPROTO_UDP && seen.port === PORT_CONTROL_PORT)
    ) {
      if (this.#connections.add(seen)) return true
    }
    if (isArriving || isRefused) {
      this.#arriving++
    } else {
      this.#leaving++
    }
    return false
  }

  /** Returns the route of a packet from inside to a port of the NAT, which turns it back. */
  #divert(packet: ForwardedPacket): StackRoute | undefined {
    const hairpin = this.#hairpin
    if (hairpin === undefined || packet.from?.name === hairpin.name) return undefined
    const seen = this.#connections.see(packet)
    const own = Uint8Array.from(long(hairpin.address))
    if (seen === undefined || !sameBytes(seen.destination, own)) return undefined
    const { port, protocol } = seen
    if (protocol !== ipv4.IPPROTO_TCP && protocol !== ipv4.IPPROTO_UDP) return undefined
    if ((port < FIRST_PORT || port > LAST_PORT) && !this.#hairpinPorts.has(port)) return undefined
    const dev = this.#ip.interfaces.find(each => each.name === hairpin.name)
    return (
      dev && {
        prefix: { bytes: own, prefixLen: 32 },
        via: Uint8Array.from(long(hairpin.nextHop)),
        dev,
      }
    )
  }

  /**
   * Leads HTTP of hosts that the portal has not accepted to its server, and the replies back to
   * them. Returns whether the packet is now for this host, which is false for a reply.
   */
  #redirect(seen: Seen): boolean {
    const { bytes, h, protocol, source, sourcePort, destination, port, from, version, at } = seen
    const portal = this.#portal
    if (portal === undefined || protocol !== ipv4.IPPROTO_TCP) return false
    if (from === undefined) {
      const meant =
        sourcePort === portal.port
          ? this.#redirected.get(`${keyOf(destination)}${port}`)
          : undefined
      if (meant !== undefined) {
        replaceEnd(bytes, version.sourceAt(at), h, h, meant.address, meant.port, version, at)
      }
      return false
    }
    if (port !== HTTP_PORT || from.name === portal.name) return false
    // A connection that was redirected remains so, as with the kernel's NAT.
    const key = `${keyOf(source)}${sourcePort}`
    if (this.#accepted.has(keyOf(source)) && !this.#redirected.has(key)) return false
    const own = from.sourceFor(source)
    if (own === undefined) return false
    if (this.#redirected.size >= CONNECTIONS_MAX) {
      this.#redirected.clear()
    }
    this.#redirected.set(key, { address: destination, port })
    replaceEnd(bytes, version.destinationAt(at), h, h + 2, own, portal.port, version, at)
    return true
  }
}

/** Whether the first matching rule accepts a packet; true without one. */
function accepts(rules: readonly FirewallRule[], way: 'in' | 'out', seen: Seen): boolean {
  const rule = rules.find(
    each =>
      each.way === way &&
      (each.version === undefined || (each.version === 4 ? IP4 : IP6) === seen.version) &&
      (each.protocol ?? seen.protocol) === seen.protocol &&
      (each.port ?? seen.port) === seen.port &&
      (each.source === undefined || isInPrefix(seen.source, each.source)),
  )
  return rule?.accepts ?? true
}

/** Replaces an address and a port of a TCP packet, and updates the checksums. */
function replaceEnd(
  bytes: Uint8Array,
  address: number,
  h: number,
  portAt: number,
  to: Uint8Array,
  port: number,
  version: IpVersion,
  nh: number,
): void {
  let grown = port - get16(bytes, portAt)
  for (let i = 0; i < to.length; i += 2) {
    grown += get16(to, i) - get16(bytes, address + i)
  }
  bytes.set(to, address)
  put16(bytes, portAt, port)
  checksum.growChecksum(bytes, h + tcp.TCP_CHECK, grown)
  version.finish(bytes, nh)
}
