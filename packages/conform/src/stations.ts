/** The addresses of the two ends of a case, and the addresses that a case names. */
import { ethernet, formatMac, ipv6, parseAddress, parseMac } from 'vnet'
import { plus } from 'vnet/kit/packet'

/** An end of the link. An address that a case does not use is undefined. */
export interface Station {
  readonly mac: Uint8Array
  readonly ip: Uint8Array | undefined
  readonly ip6: Uint8Array | undefined
}

/** Both ends of the link. */
export interface Stations {
  readonly host: Station
  readonly peer: Station
}

/** Returns an address of 6 bytes for Ethernet, 4 or 16: by its name, or as it is written. */
export function addressNamed(stations: Stations, name: string, size: number): Uint8Array {
  const { host, peer } = stations
  const of = ({ mac, ip, ip6 }: Station) => {
    const network = size === 4 ? ip : ip6
    return (size === 6 ? mac : network) ?? new Uint8Array(size)
  }
  const group = size === 4 ? Uint8Array.of(224, 0, 0, 1) : ipv6.ALL_NODES
  switch (name) {
    case 'host':
      return of(host)
    case 'peer':
      return of(peer)
    case 'other':
      return flipped(of(host))
    case 'zero':
      return new Uint8Array(size)
    case 'broadcast':
      return ethernet.BROADCAST.slice(0, size)
    case 'loopback':
      return size === 4 ? Uint8Array.of(127, 0, 0, 1) : plus(new Uint8Array(16), 1)
    case 'group':
      return size === 6 ? (ethernet.groupAddress(ipv6.ALL_NODES) as Uint8Array) : group
    case 'solicited': {
      const { ip6 = new Uint8Array(16) } = host
      const node = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...ip6.subarray(13))
      return size === 6 ? (ethernet.groupAddress(node) as Uint8Array) : node
    }
    default: {
      const address = size === 6 ? parseMac(name) : parseAddress(name)
      if (address?.length === size) return address
      throw new Error(`no address is called '${name}' (${formatMac(host.mac)})`)
    }
  }
}

function flipped(address: Uint8Array): Uint8Array {
  const other = address.slice()
  other[other.length - 1] = (other.at(-1) as number) ^ 0x55
  return other
}
