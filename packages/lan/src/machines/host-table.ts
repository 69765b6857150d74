/**
 * HostTable: the simulated hosts by index, name and address. Properties that many hosts share are
 * stored once (HostKind), the others in typed arrays: a host takes about 300 bytes.
 */
import {
  EEXIST,
  EINVAL,
  ETH_ALEN,
  ethernet,
  formatAddress,
  formatMac,
  ipv4,
  ipv6,
  parseAddress,
  parseMac,
  VnetError,
} from 'vnet'
import { get32, plus } from 'vnet/kit/packet'
import { AddressTable } from '../switch/address-table.ts'
import type {
  HostDefinition,
  HostRange,
  Icmpv6Handler,
  SegmentHost,
  SmallService,
  UdpHandler,
} from './host.ts'
import { SMALL_SERVICE_PORTS } from './host.ts'

/** The properties that all hosts of a range share. */
export interface HostKind {
  readonly router: boolean
  readonly udp: ReadonlyMap<number, UdpHandler | SmallService>
  readonly icmpv6: ReadonlyMap<number, Icmpv6Handler>
  /** The service for each open port. */
  readonly tcp: ReadonlyMap<number, unknown>
}

/** A host to add; the form of its addresses is checked. */
export interface NewHost {
  readonly name: string | undefined
  readonly mac: Uint8Array
  readonly ip: readonly Uint8Array[]
  readonly ip6: readonly Uint8Array[]
}

/** The hosts of a segment, without their behaviour. Hosts are added, never removed. */
export class HostTable {
  /** Hardware addresses, six bytes a host. */
  macs = new Uint8Array(16 * ETH_ALEN)
  /** Ports that are open on any host. */
  readonly tcpPorts = new Set<number>()
  readonly udpPorts = new Set<number>()
  readonly #byMac = new AddressTable(ETH_ALEN)
  readonly #byIp4 = new AddressTable(ipv4.IPV4_ALEN)
  readonly #byIp6 = new AddressTable(ipv6.IPV6_ALEN)
  readonly #byName = new Map<string, number>()
  readonly #names = new Map<number, string>()
  /** The first address of each family, zeros for none. */
  #ip4 = new Uint8Array(16 * ipv4.IPV4_ALEN)
  #ip6 = new Uint8Array(16 * ipv6.IPV6_ALEN)
  /** The few hosts that have more than one address of a family. */
  readonly #more = new Map<number, NewHost>()
  readonly #kinds: HostKind[] = []
  /** The host described last: a server is described for each of its datagrams. */
  #last: SegmentHost | undefined

  get size(): number {
    return this.#kinds.length
  }

  /** The index of the host that has the hardware address at `at`, -1 if none has. */
  byMac(bytes: Uint8Array, at: number): number {
    return this.#byMac.get(bytes, at)
  }

  /** The index of the host that has the IP address at `at`, -1 if none has. */
  byIp(bytes: Uint8Array, at: number, isIpv6: boolean): number {
    return isIpv6 ? this.#byIp6.get(bytes, at) : this.#byIp4.get(bytes, at)
  }

  byName(name: string): number | undefined {
    return this.#byName.get(name)
  }

  kind(index: number): HostKind {
    return this.#kinds[index]
  }

  hasAddress(index: number, isIpv6: boolean): boolean {
    return isIpv6
      ? !ipv6.isUnspecified(this.#ip6, index * ipv6.IPV6_ALEN)
      : this.#ip4[index * ipv4.IPV4_ALEN] !== 0
  }

  /** A copy of the first address of a family, undefined if the host has none. */
  address(index: number, isIpv6: boolean): Uint8Array | undefined {
    if (!this.hasAddress(index, isIpv6)) return undefined
    if (isIpv6) return this.#ip6.slice(index * ipv6.IPV6_ALEN, (index + 1) * ipv6.IPV6_ALEN)
    return this.#ip4.slice(index * ipv4.IPV4_ALEN, (index + 1) * ipv4.IPV4_ALEN)
  }

  /**
   * Adds a host and returns its index. Throws a VnetError, EEXIST for a name or an address that
   * another host has, EINVAL for an address that no host can have. The table is unchanged then.
   */
  add(host: NewHost, kind: HostKind): number {
    const { name, mac, ip, ip6 } = host
    this.#check(host)
    const index = this.size
    if (kind !== this.#kinds.at(-1)) {
      for (const port of kind.tcp.keys()) {
        this.tcpPorts.add(port)
      }
      for (const port of kind.udp.keys()) {
        this.udpPorts.add(port)
      }
    }
    this.#kinds.push(kind)
    this.#grow()
    ethernet.copyAddress(this.macs, index * ETH_ALEN, mac)
    this.#byMac.set(mac, 0, index)
    for (const address of ip) {
      this.#byIp4.set(address, 0, index)
    }
    for (const address of ip6) {
      this.#byIp6.set(address, 0, index)
    }
    if (ip.length > 0) {
      this.#ip4.set(ip[0], index * ipv4.IPV4_ALEN)
    }
    if (ip6.length > 0) {
      this.#ip6.set(ip6[0], index * ipv6.IPV6_ALEN)
    }
    if (ip6.length > 0) {
      this.#byIp6.set(linkLocal(mac), 0, index)
    }
    if (ip.length > 1 || ip6.length > 1) {
      this.#more.set(index, host)
    }
    if (name !== undefined) {
      this.#byName.set(name, index)
      this.#names.set(index, name)
    }
    return index
  }

  /**
   * Returns a description of a host, with copies of its addresses. The last description is kept,
   * because a server is described for each of its datagrams.
   */
  describe(index: number): SegmentHost {
    if (this.#last?.index === index) return this.#last
    const mac = this.macs.slice(index * ETH_ALEN, (index + 1) * ETH_ALEN)
    const more = this.#more.get(index)
    const ip = more?.ip ?? [this.address(index, false) ?? []].flat()
    const ip6 = more?.ip6 ?? [this.address(index, true) ?? []].flat()
    const all6 = ip6.length === 0 ? [] : [...ip6, linkLocal(mac)]
    this.#last = {
      index,
      name: this.#names.get(index),
      mac,
      ip,
      ip6: all6,
      router: this.kind(index).router,
    }
    return this.#last
  }

  /** The name of a host in the log. */
  label(index: number): string {
    const { name, ip, ip6 } = this.describe(index)
    return name ?? [...ip, ...ip6].map(formatAddress)[0] ?? String(index)
  }

  #check({ name, mac, ip, ip6 }: NewHost): void {
    if (name !== undefined && this.#byName.has(name)) {
      throw new VnetError(EEXIST, `host ${name}`, 'another host has that name')
    }
    const subject = `host ${formatMac(mac)}`
    if (!ethernet.isStationAddress(mac, 0)) {
      throw new VnetError(EINVAL, subject, 'a station has a unicast address')
    }
    if (this.byMac(mac, 0) >= 0) {
      throw new VnetError(EEXIST, subject, 'another host has that hardware address')
    }
    for (const address of [...ip, ...ip6]) {
      const isIpv6 = address.length === ipv6.IPV6_ALEN
      const { isUnicastAddress } = isIpv6 ? ipv6 : ipv4
      if (!isUnicastAddress(address, 0)) {
        throw new VnetError(
          EINVAL,
          `host ${formatAddress(address)}`,
          'no host can have that address',
        )
      }
      if (this.byIp(address, 0, isIpv6) >= 0) {
        throw new VnetError(
          EEXIST,
          `host ${formatAddress(address)}`,
          'another host has that address',
        )
      }
    }
  }

  #grow(): void {
    if (this.size * ETH_ALEN <= this.macs.length) return
    this.macs = twice(this.macs)
    this.#ip4 = twice(this.#ip4)
    this.#ip6 = twice(this.#ip6)
  }
}

function twice(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(2 * bytes.length)
  longer.set(bytes)
  return longer
}

/** The link-local address made from a hardware address (RFC 4291 app. A). */
function linkLocal(mac: Uint8Array): Uint8Array {
  const [a, b, c, d, e, f] = mac
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f)
}

const SMALL_SERVICES = Object.entries(SMALL_SERVICE_PORTS).map(
  ([name, port]) => [port, name as SmallService] as const,
)

/**
 * Returns the shared properties of a definition. Throws a VnetError EINVAL for a port, an ICMPv6
 * type or a small service that does not exist.
 */
export function kindOf(definition: HostDefinition | HostRange): HostKind {
  const { services = true, on = {} } = definition
  const router = 'router' in definition && definition.router === true
  const small = services ? SMALL_SERVICES : []
  const udp = entries(on.udp, 65535)
  for (const [, handler] of udp) {
    if (typeof handler === 'function' || Object.hasOwn(SMALL_SERVICE_PORTS, handler)) continue
    const advice = `it is a function, or one of ${Object.keys(SMALL_SERVICE_PORTS).join(', ')}`
    throw new VnetError(EINVAL, `host: udp '${handler}'`, advice)
  }
  return {
    router,
    udp: new Map([...small, ...udp]),
    icmpv6: new Map(entries(on.icmpv6, 255)),
    tcp: new Map<number, unknown>([...small, ...entries(on.tcp, 65535)]),
  }
}

/**
 * Returns the host of a definition; a hardware address that is not given is made from `oui` and the
 * first IP address. Throws a VnetError EINVAL for a malformed address, or without any address.
 */
export function hostOf({ name, mac, ip, ip6 }: HostDefinition, oui: Uint8Array): NewHost {
  const all4 = listOf(ip).map(text => addressOf(text, ipv4.IPV4_ALEN))
  const all6 = listOf(ip6).map(text => addressOf(text, ipv6.IPV6_ALEN))
  const first = all4[0] ?? all6[0]
  if (mac === undefined && first === undefined) {
    throw new VnetError(EINVAL, `host ${name ?? ''}`, 'give it an address')
  }
  return { name, mac: mac === undefined ? macFor(first, oui) : macOf(mac), ip: all4, ip6: all6 }
}

/** Yields the hosts of a range, made while they are read. Throws a VnetError EINVAL like hostOf. */
export function* hostsOf(range: HostRange, oui: Uint8Array): Generator<NewHost> {
  const { count, name, except = () => false } = range
  const ip = range.ip === undefined ? undefined : addressOf(range.ip, ipv4.IPV4_ALEN)
  const ip6 = range.ip6 === undefined ? undefined : addressOf(range.ip6, ipv6.IPV6_ALEN)
  if (ip === undefined && ip6 === undefined) {
    throw new VnetError(EINVAL, 'range of hosts', 'give it a first address')
  }
  for (let n = 0, place = 0; n < count; place++) {
    const own4 = ip && plus(ip, place)
    if (own4 !== undefined && except(get32(own4, 0))) continue
    const own6 = ip6 && plus(ip6, place)
    n++
    yield {
      name: name?.replace('%d', String(n)),
      mac: macFor((own4 ?? own6) as Uint8Array, oui),
      ip: own4 === undefined ? [] : [own4],
      ip6: own6 === undefined ? [] : [own6],
    }
  }
}

/** The first three bytes are the OUI, the others the last three of the IP address. */
function macFor(address: Uint8Array, oui: Uint8Array): Uint8Array {
  const mac = new Uint8Array(ETH_ALEN)
  mac.set(oui.subarray(0, 3))
  mac.set(address.subarray(-3), 3)
  return mac
}

/** Returns a list of one text, or the list itself. */
export const listOf = (value: string | readonly string[] = []): readonly string[] =>
  typeof value === 'string' ? [value] : value

/** The entries of a record with numbers from 0 to `max` as keys. */
function entries<T>(record: Readonly<Record<number, T>> = {}, max: number): [number, T][] {
  return Object.entries(record).map(([key, value]) => {
    const n = Number(key)
    if (Number.isInteger(n) && n >= 0 && n <= max) return [n, value]
    throw new VnetError(EINVAL, `host: on ${key}`, `a whole number from 0 to ${max} is needed`)
  })
}

/** Parses an address of `length` bytes. VnetError EINVAL on any other text. */
function addressOf(text: string, length: number): Uint8Array {
  const address = parseAddress(text)
  if (address?.length === length) return address
  throw new VnetError(
    EINVAL,
    `address ${text}`,
    `write it as ${length === ipv4.IPV4_ALEN ? '198.18.0.7' : '2001:db8::7'}`,
  )
}

/** Parses a hardware address, `02:00:00:00:00:01`. VnetError EINVAL on any other text. */
function macOf(text: string): Uint8Array {
  const mac = parseMac(text)
  if (mac !== undefined) return mac
  throw new VnetError(EINVAL, `hardware address ${text}`, 'write it as 02:00:00:00:00:01')
}
