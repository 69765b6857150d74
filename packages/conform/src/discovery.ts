/** Finds the two ends of a run: the stack with the given addresses, and free ones for the peer. */
import {
  EADDRINUSE,
  EHOSTUNREACH,
  formatAddress,
  formatMac,
  NSEC_PER_MSEC,
  type Prefix,
  UsageError,
  VnetError,
} from 'vnet'
import { isInPrefix, networkOf, plus, sameBytes } from 'vnet/kit/packet'
import { build, differences, parseLayers } from './layers.ts'
import type { PacketLink } from './packet-link.ts'
import type { Station, Stations } from './stations.ts'

/** Milliseconds to wait for replies: of a stack at most, and of another one after the first. */
const REPLY_MS = 1000
const SECOND_REPLY_MS = 300
const TRIES = 3
/** How many addresses are tried for the peer. */
const CANDIDATES = 8

const NO_MAC = new Uint8Array(6)

/**
 * Returns the stack at `addresses`, of one family each, and the peer, to which it gives an address
 * of each family: of `given`, or a free one. Throws a UsageError for addresses that cannot be those
 * of the two, and a VnetError if no stack replies, or more than one.
 */
export async function findStations(
  link: PacketLink,
  addresses: readonly Uint8Array[],
  given: readonly Uint8Array[],
): Promise<Stations> {
  let host: Station = { mac: NO_MAC, ip: undefined, ip6: undefined }
  for (const address of addresses) {
    refuse(link, '--address', address, `the address of the stack behind ${link.name}`)
  }
  for (const address of given) {
    refusePeer(link, address, addresses)
  }
  for (const address of addresses) {
    const text = formatAddress(address)
    const key = address.length === 4 ? 'ip' : 'ip6'
    const own = (await givenPeer(link, address, given)) ?? (await freeAddress(link, address))
    link.peer = { ...link.peer, [key]: own }
    const macs = await answerers(link, address, own)
    const list = macs.map(each => formatMac(each)).join(' and ')
    const [mac] = macs
    if (mac === undefined) {
      const why = link.whySilent()
      const reason = why === undefined ? '' : `: ${why}`
      throw new VnetError(
        EHOSTUNREACH,
        link.name,
        `no stack replies to requests for ${text}${reason}`,
      )
    }
    if (macs.length > 1) {
      throw new VnetError(EADDRINUSE, link.name, `${list} reply to requests for ${text}`)
    }
    if (host.mac !== NO_MAC && !sameBytes(host.mac, mac)) {
      throw new VnetError(
        EADDRINUSE,
        link.name,
        `${list} replies for ${text}, and ${formatMac(host.mac)} for the other address`,
      )
    }
    host = { ...host, mac, [key]: address }
  }
  return { host, peer: link.peer }
}

/** Throws a UsageError for an address that no other station of the network has. */
function refuse(link: PacketLink, option: string, address: Uint8Array, instead: string): void {
  const text = `conform: ${option} ${formatAddress(address)}`
  if (link.addresses.some(({ bytes }) => sameBytes(bytes, address)) || isLoopback(address)) {
    throw new UsageError(`${text} is an address of this machine: name ${instead}`)
  }
  const kind = kindOfGroup(link, address)
  if (kind !== undefined) throw new UsageError(`${text} is ${kind}: name ${instead}`)
}

function refusePeer(link: PacketLink, peer: Uint8Array, addresses: readonly Uint8Array[]): void {
  const text = formatAddress(peer)
  const address = addresses.find(({ length }) => length === peer.length)
  if (address === undefined) {
    throw new UsageError(`conform: --peer ${text} needs an --address of the same version of IP`)
  }
  if (sameBytes(peer, address)) {
    throw new UsageError(
      `conform: --peer ${text} is the address of the stack: name a free one, which vnet uses itself`,
    )
  }
  refuse(link, '--peer', peer, 'a free address of the network')
}

const isLoopback = (address: Uint8Array): boolean =>
  address.length === 4 ? address[0] === 127 : sameBytes(address, plus(new Uint8Array(16), 1))

/** Returns what an address is; undefined if one station may have it. */
function kindOfGroup(link: PacketLink, address: Uint8Array): string | undefined {
  const [first = 0] = address
  if (address.every(byte => byte === 0)) return 'not the address of a host'
  if (address.length === 16) return first === 0xff ? 'a group' : undefined
  if (address.every(byte => byte === 0xff)) return 'a broadcast address'
  if (first >= 224) return first < 240 ? 'a group' : 'a reserved address'
  const network = link.addresses.find(each => each.bytes.length === 4 && isInPrefix(address, each))
  if (network === undefined || network.prefixLen > 30) return undefined
  const start = networkOf(network)
  if (sameBytes(address, start)) return 'the address of the network'
  return sameBytes(address, plus(start, 2 ** (32 - network.prefixLen) - 1))
    ? 'a broadcast address'
    : undefined
}

/** Returns the given address of the peer of the version of `address`, if nothing else has it. */
async function givenPeer(
  link: PacketLink,
  address: Uint8Array,
  given: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  const own = given.find(({ length }) => length === address.length)
  if (own === undefined) return undefined
  const [other] = await answerers(link, own, undefined)
  if (other === undefined) return own
  throw new VnetError(
    EADDRINUSE,
    link.name,
    `${formatMac(other)} replies to requests for ${formatAddress(own)}, --peer`,
  )
}

/** Returns an address of the network of `address` for which nothing replies. */
async function freeAddress(link: PacketLink, address: Uint8Array): Promise<Uint8Array> {
  const network = networkAround(link, address)
  const last = Math.min(2 ** (address.length * 8 - network.prefixLen) - 2, 0xfffe)
  for (let i = 0; i < CANDIDATES; i++) {
    // Not always the same: a stack keeps what it has learned about the path to an address.
    const candidate = plus(networkOf(network), last - Math.floor(Math.random() * (last / 2)))
    const isOwn =
      sameBytes(candidate, address) ||
      link.addresses.some(({ bytes }) => sameBytes(bytes, candidate))
    if (last > 0 && !isOwn && (await answerers(link, candidate, undefined)).length === 0) {
      return candidate
    }
  }
  throw new UsageError(
    `conform: no free address near ${formatAddress(address)} was found: name one with --peer`,
  )
}

/** The network of this machine that has the address, else a usual one. */
function networkAround(link: PacketLink, address: Uint8Array): Prefix {
  const known = link.addresses.find(
    each => each.bytes.length === address.length && isInPrefix(address, each),
  )
  return known ?? { bytes: address, prefixLen: address.length === 4 ? 24 : 64 }
}

/**
 * Returns the hardware addresses that reply to requests of `own` for an address. Without `own` it
 * is a probe, which changes no table (RFC 5227, RFC 4862).
 */
async function answerers(
  link: PacketLink,
  address: Uint8Array,
  own: Uint8Array | undefined,
): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  const isV4 = address.length === 4
  const station = (mac: Uint8Array, ip: Uint8Array): Station => ({ mac, ip, ip6: ip })
  const peer = station(link.peer.mac, own ?? new Uint8Array(address.length))
  const stations = { host: station(NO_MAC, address), peer }
  const context = { stations, port: 0, sent: new Uint8Array(0) }
  const request = isV4
    ? 'ether to broadcast / arp request'
    : `ether to solicited / ip6, hops 255, to solicited / nd ns, target host${own === undefined ? '' : ' / lladdr'}`
  const reply = parseLayers(isV4 ? 'arp reply, spa host' : 'ip6 / nd na, target host')
  for (let i = 0; i < TRIES && found.length === 0; i++) {
    link.send(build(context, parseLayers(request)))
    let until = link.now() + (own === undefined ? SECOND_REPLY_MS : REPLY_MS) * NSEC_PER_MSEC
    for (let sent = await link.next(until); sent !== undefined; sent = await link.next(until)) {
      const mac = sent.frame.slice(6, 12)
      const isReply = differences(context, sent.frame, reply)?.length === 0
      if (!isReply || found.some(each => sameBytes(each, mac))) continue
      found.push(mac)
      until = link.now() + SECOND_REPLY_MS * NSEC_PER_MSEC
    }
    if (own === undefined) break
  }
  return found
}
