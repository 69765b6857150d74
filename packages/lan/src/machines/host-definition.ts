/** Reads definitions of hosts: their addresses, and their handlers for received packets. */

import { EINVAL, VnetError } from 'vnet/internal/base/errno'
import { parseAddress, parseMac, plus } from 'vnet/internal/packet/address'
import { ETH_ALEN } from 'vnet/internal/packet/ethernet'
import { IPV4_ALEN } from 'vnet/internal/packet/ipv4'
import { IPV6_ALEN } from 'vnet/internal/packet/ipv6'
import { get32 } from 'vnet/internal/packet/octets'
import type { HostDefinition, HostRange } from './host.ts'
import type { HostKind, NewHost } from './host-table.ts'
import { SMALL_SERVICE_PORTS, UDP_SERVICES } from './udp.ts'

/** VnetError EINVAL on a port, an ICMPv6 type or a small service that does not exist. */
export function kindOf(definition: HostDefinition | HostRange): HostKind {
  const { services = true, on = {} } = definition
  const router = 'router' in definition && definition.router === true
  const small = services ? SMALL_SERVICE_PORTS : []
  const udp = entries(on.udp, 65535)
  for (const [, handler] of udp) {
    if (typeof handler === 'function' || Object.hasOwn(UDP_SERVICES, handler)) continue
    const advice = `it is a function, or one of ${Object.keys(UDP_SERVICES).join(', ')}`
    throw new VnetError(EINVAL, `host: udp '${handler}'`, advice)
  }
  return {
    router,
    udp: new Map([...small, ...udp]),
    icmpv6: new Map(entries(on.icmpv6, 255)),
    tcp: new Map<number, unknown>([...small, ...entries(on.tcp, 65535)]),
  }
}

/** Throws a VnetError, EINVAL on a malformed address or without any address. */
export function hostOf({ name, mac, ip, ip6 }: HostDefinition, oui: Uint8Array): NewHost {
  const all4 = listOf(ip).map(text => addressOf(text, IPV4_ALEN))
  const all6 = listOf(ip6).map(text => addressOf(text, IPV6_ALEN))
  const first = all4[0] ?? all6[0]
  if (mac === undefined && first === undefined) throw new VnetError(EINVAL, `host ${name ?? ''}`, 'give it an address')
  return { name, mac: mac === undefined ? macFor(first, oui) : macOf(mac), ip: all4, ip6: all6 }
}

/** The hosts of a range, in order. */
export function* hostsOf(range: HostRange, oui: Uint8Array): Generator<NewHost> {
  const { count, name, except = () => false } = range
  const ip = range.ip === undefined ? undefined : addressOf(range.ip, IPV4_ALEN)
  const ip6 = range.ip6 === undefined ? undefined : addressOf(range.ip6, IPV6_ALEN)
  if (ip === undefined && ip6 === undefined) throw new VnetError(EINVAL, 'range of hosts', 'give it a first address')
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

export function listOf(value: string | readonly string[] = []): readonly string[] {
  return typeof value === 'string' ? [value] : value
}

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
  throw new VnetError(EINVAL, `address ${text}`, `write it as ${length === IPV4_ALEN ? '198.18.0.7' : '2001:db8::7'}`)
}

/** Parses a hardware address, `02:00:00:00:00:01`. VnetError EINVAL on any other text. */
function macOf(text: string): Uint8Array {
  const mac = parseMac(text)
  if (mac !== undefined) return mac
  throw new VnetError(EINVAL, `hardware address ${text}`, 'write it as 02:00:00:00:00:01')
}
