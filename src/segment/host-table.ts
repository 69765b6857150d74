/**
 * HostTable: the simulated hosts by number, and found by hardware address, IPv4 and IPv6 address. What is alike for many hosts
 * is there once (HostKind); the rest lies in typed arrays: some 300 octets a host.
 */
import { EEXIST, EINVAL, VnetError } from '../core/errno.ts'
import { copyAddress, ETH_ALEN, formatAddress, isStationAddress } from '../header/ethernet.ts'
import { formatAddress as formatIp, parseAddress } from '../header/ip-address.ts'
import * as ipv4 from '../header/ipv4.ts'
import { IPV4_ALEN } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import { AddressTable } from './address-table.ts'
import type { Icmpv6Handler, SegmentHost, UdpService } from './host.ts'

/** What hosts have in common. */
export interface HostKind {
  readonly router: boolean
  readonly udp: ReadonlyMap<number, UdpService>
  readonly icmpv6: ReadonlyMap<number, Icmpv6Handler>
  /** Who serves each open port. */
  readonly tcp: ReadonlyMap<number, unknown>
}

/** Addresses of a host to be added, checked as to their form. */
export interface HostAddresses {
  readonly mac: Uint8Array
  readonly ip: readonly Uint8Array[]
  readonly ip6: readonly Uint8Array[]
}

export class HostTable {
  /** Hardware addresses, six octets a host. */
  macs = new Uint8Array(16 * ETH_ALEN)
  readonly #byMac = new AddressTable(ETH_ALEN)
  readonly #byIp4 = new AddressTable(IPV4_ALEN)
  readonly #byIp6 = new AddressTable(IPV6_ALEN)
  /** The first address of each family, zeros where there is none; the link-local one is made of the hardware address. */
  #ip4 = new Uint8Array(16 * IPV4_ALEN)
  #ip6 = new Uint8Array(16 * IPV6_ALEN)
  /** Those of the few hosts that have more than one of a family. */
  readonly #more = new Map<number, HostAddresses>()
  readonly #kinds: HostKind[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The number of the host that has the address at `at`, -1 when nobody has it. */
  byMac(bytes: Uint8Array, at: number): number {
    return this.#byMac.get(bytes, at)
  }
  byIp4(bytes: Uint8Array, at: number): number {
    return this.#byIp4.get(bytes, at)
  }
  byIp6(bytes: Uint8Array, at: number): number {
    return this.#byIp6.get(bytes, at)
  }

  kind(index: number): HostKind {
    return this.#kinds[index]
  }

  /** A copy of the first address of a host, undefined when it has none of the family. */
  address4(index: number): Uint8Array | undefined {
    const octets = this.#ip4.slice(index * IPV4_ALEN, (index + 1) * IPV4_ALEN)
    return octets[0] === 0 ? undefined : octets
  }
  address6(index: number): Uint8Array | undefined {
    const octets = this.#ip6.slice(index * IPV6_ALEN, (index + 1) * IPV6_ALEN)
    return ipv6.isUnspecified(octets, 0) ? undefined : octets
  }

  /**
   * Adds a host; answers its number. VnetError EEXIST when an address is another's already, EINVAL for one that no host can
   * have; nothing is added then.
   */
  add(addresses: HostAddresses, kind: HostKind): number {
    const { mac, ip, ip6 } = addresses
    this.#check(addresses)
    const index = this.#size++
    this.#room()
    copyAddress(this.macs, index * ETH_ALEN, mac)
    this.#kinds.push(kind)
    this.#byMac.set(mac, 0, index)
    for (const address of ip) this.#byIp4.set(address, 0, index)
    for (const address of ip6) this.#byIp6.set(address, 0, index)
    if (ip.length > 0) this.#ip4.set(ip[0], index * IPV4_ALEN)
    if (ip6.length > 0) this.#ip6.set(ip6[0], index * IPV6_ALEN)
    if (ip6.length > 0) this.#byIp6.set(linkLocal(mac), 0, index)
    if (ip.length > 1 || ip6.length > 1) this.#more.set(index, addresses)
    return index
  }

  /** The host as it is told to others; `name` is the caller's to know. */
  describe(index: number, name: string | undefined): SegmentHost {
    const mac = this.macs.slice(index * ETH_ALEN, (index + 1) * ETH_ALEN)
    const more = this.#more.get(index)
    const [own4, own6] = [this.address4(index), this.address6(index)]
    const ip = more?.ip ?? (own4 === undefined ? [] : [own4])
    const ip6 = more?.ip6 ?? (own6 === undefined ? [] : [own6])
    const all6 = ip6.length === 0 ? [] : [...ip6, linkLocal(mac)]
    return { index, name, mac, ip, ip6: all6, router: this.kind(index).router }
  }

  #check({ mac, ip, ip6 }: HostAddresses): void {
    const who = formatAddress(mac, 0)
    if (!isStationAddress(mac, 0)) throw new VnetError(EINVAL, `host ${who}`, 'a station has a unicast address')
    if (this.byMac(mac, 0) >= 0) throw new VnetError(EEXIST, `host ${who}`, 'another host has that hardware address')
    for (const address of [...ip, ...ip6]) {
      const isHosts = address.length === IPV4_ALEN ? ipv4.isUnicastAddress : ipv6.isUnicastAddress
      const taken = address.length === IPV4_ALEN ? this.byIp4(address, 0) : this.byIp6(address, 0)
      if (!isHosts(address, 0))
        throw new VnetError(EINVAL, `host ${formatIp(address)}`, 'no host can have that address')
      if (taken >= 0) throw new VnetError(EEXIST, `host ${formatIp(address)}`, 'another host has that address')
    }
  }

  #room(): void {
    if (this.#size * ETH_ALEN <= this.macs.length) return
    this.macs = twice(this.macs)
    this.#ip4 = twice(this.#ip4)
    this.#ip6 = twice(this.#ip6)
  }
}

function twice(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(2 * octets.length)
  longer.set(octets)
  return longer
}

/** The link-local address that a hardware address makes (RFC 4291 app. A). */
export function linkLocal(mac: Uint8Array): Uint8Array {
  const [a, b, c, d, e, f] = mac
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f)
}

/** An address of `length` octets from its text. VnetError EINVAL when it is none. */
export function addressOf(text: string, length: number): Uint8Array {
  const octets = parseAddress(text)
  if (octets?.length === length) return octets
  throw new VnetError(EINVAL, `address ${text}`, `write it as ${length === IPV4_ALEN ? '198.18.0.7' : '2001:db8::7'}`)
}

/** A hardware address from its text, `02:00:00:00:00:01`. VnetError EINVAL when it is none. */
export function macOf(text: string): Uint8Array {
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text))
    return Uint8Array.from(text.split(':'), octet => Number.parseInt(octet, 16))
  throw new VnetError(EINVAL, `hardware address ${text}`, 'write it as 02:00:00:00:00:01')
}
