/**
 * StackInterface: an Ethernet interface of a host in memory. It resolves neighbours by ARP
 * (RFC 826) and neighbour discovery (RFC 4861), and keeps packets that wait for an address.
 */
import type { Alarm } from 'vnet/internal/base/clock'
import { NSEC_PER_SEC } from 'vnet/internal/base/clock'
import { UsageError } from 'vnet/internal/base/usage-error'
import { isInPrefix, networkOf, type Prefix, parsePrefix, sameBytes } from 'vnet/internal/packet/address'
import * as arp from 'vnet/internal/packet/arp'
import {
  copyAddress,
  destinationAt,
  ETH_ALEN,
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  etherType,
  isMulticastAddress,
  isSameAddress,
  setEtherType,
  sourceAt,
} from 'vnet/internal/packet/ethernet'
import * as icmpv6 from 'vnet/internal/packet/icmpv6'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import type { IpStack } from './ip-stack.ts'
import { isGroup, keyOf, versionOf } from './ip-version.ts'

export interface StackInterfaceOptions {
  readonly name: string
  readonly mac: Uint8Array
  readonly mtu: number
  /** Takes over an Ethernet frame. */
  transmit(frame: Uint8Array): void
}

/** A neighbour whose hardware address is not known yet. */
interface Unresolved {
  readonly address: Uint8Array
  readonly source: Uint8Array
  /** Frames without a destination. */
  readonly frames: Uint8Array[]
  bytes: number
  probes: number
  due: number
}

/** mcast_solicit and retrans_time_ms of Linux's neighbours, and unres_qlen_bytes. */
const PROBES = 3
const RETRANSMIT = NSEC_PER_SEC
const QUEUE_BYTES = 212_992

const BROADCAST = new Uint8Array(ETH_ALEN).fill(0xff)
/** An option with the link-layer address of the sender or the target. */
const LINK_OPTION = 8

export class StackInterface {
  readonly name: string
  readonly mac: Uint8Array
  mtu: number
  carrier = true
  isUp = true
  /** The addresses with their networks, the oldest first. */
  readonly addresses: Prefix[] = []
  readonly #stack: IpStack
  readonly #transmit: (frame: Uint8Array) => void
  readonly #neighbours = new Map<string, Uint8Array>()
  readonly #unresolved = new Map<string, Unresolved>()
  readonly #alarm: Alarm

  /** @internal The stack makes it. */
  constructor(stack: IpStack, { name, mac, mtu, transmit }: StackInterfaceOptions) {
    this.name = name
    this.mac = mac
    this.mtu = mtu
    this.#stack = stack
    this.#transmit = transmit
    this.#alarm = stack.clock.alarm(() => this.#retry())
  }

  addAddress(cidr: string): void {
    const prefix = prefixOf(cidr)
    if (this.addresses.some(({ bytes }) => sameBytes(bytes, prefix.bytes))) return
    this.addresses.push(prefix)
    this.#stack.changed()
  }

  removeAddress(cidr: string): void {
    const { bytes } = prefixOf(cidr)
    const i = this.addresses.findIndex(each => sameBytes(each.bytes, bytes))
    if (i >= 0) this.addresses.splice(i, 1)
    this.#stack.changed()
  }

  setUp(isUp: boolean): void {
    this.isUp = isUp
    this.#stack.changed()
  }

  /** Sets the hardware address of a neighbour for good. */
  setNeighbour(address: Uint8Array, mac: Uint8Array): void {
    this.#learn(address, mac)
  }

  remove(): void {
    this.#alarm.cancel()
    this.isUp = false
    this.#stack.removed(this)
  }

  /** The own address from which packets to a neighbour leave; undefined without one. */
  sourceFor(to: Uint8Array): Uint8Array | undefined {
    const own = this.addresses.filter(({ bytes }) => bytes.length === to.length)
    return (own.find(prefix => isInPrefix(to, prefix)) ?? own[0])?.bytes
  }

  /** Whether an address is the broadcast of a network of this interface. */
  isBroadcast(address: Uint8Array): boolean {
    return this.addresses.some(({ bytes, prefixLen }) => {
      if (bytes.length !== 4 || address.length !== 4 || prefixLen >= 31) return false
      const network = networkOf({ bytes, prefixLen })
      return address.every((byte, i) => byte === ((network[i] as number) | (0xff >> Math.max(0, prefixLen - 8 * i))))
    })
  }

  /** Takes over a frame with room for an Ethernet header, and sends its packet to a neighbour. */
  output(frame: Uint8Array, neighbour: Uint8Array, source: Uint8Array): void {
    if (!this.isUp || !this.carrier) {
      this.#stack.count('TxDropped')
      return
    }
    copyAddress(frame, sourceAt(0), this.mac)
    setEtherType(frame, 0, versionOf(neighbour).etherType)
    const mac = this.#macOf(neighbour)
    if (mac === undefined) {
      this.#wait(frame, neighbour, source)
      return
    }
    copyAddress(frame, destinationAt(0), mac)
    this.#transmit(frame)
  }

  /** Takes a frame, which is lent. Ignores frames for other stations. */
  receive(bytes: Uint8Array, at: number, length: number): void {
    if (!this.isUp || length < ETH_HLEN) return
    const isForUs = isSameAddress(bytes, destinationAt(at), this.mac)
    if (!isForUs && !isMulticastAddress(bytes, destinationAt(at))) return
    const type = etherType(bytes, at)
    if (type === ETH_P_ARP) this.#receiveArp(bytes, at + ETH_HLEN, length - ETH_HLEN)
    else if (type === ETH_P_IP || type === ETH_P_IPV6)
      this.#stack.receive(this, bytes, at + ETH_HLEN, length - ETH_HLEN, isForUs)
  }

  /** Handles a message of neighbour discovery, whose checksum is right. */
  receiveDiscovery(bytes: Uint8Array, nh: number, at: number, length: number): void {
    if (length < icmpv6.NDISC_HLEN || ipv6.hopLimit(bytes, nh) !== icmpv6.NDISC_HOP_LIMIT) return
    const target = bytes.slice(icmpv6.targetAt(at), icmpv6.targetAt(at) + ipv6.IPV6_ALEN)
    if (bytes[at] === icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT) {
      const link = icmpv6.targetLinkAddress(bytes, at, length)
      if (link > 0 && this.#unresolved.has(keyOf(target))) this.#learn(target, bytes.slice(link, link + ETH_ALEN))
      return
    }
    if (bytes[at] !== icmpv6.NDISC_NEIGHBOUR_SOLICITATION) return
    if (!this.addresses.some(own => sameBytes(own.bytes, target))) return
    const link = icmpv6.sourceLinkAddress(bytes, at, length)
    if (link <= 0) return
    const source = bytes.slice(ipv6.sourceAt(nh), ipv6.sourceAt(nh) + ipv6.IPV6_ALEN)
    this.#learn(source, bytes.slice(link, link + ETH_ALEN))
    const advert = this.#discovery(target)
    icmpv6.toAdvertisement(advert, 0, icmpv6.NA_SOLICITED | icmpv6.NA_OVERRIDE, this.mac)
    this.#stack.sendDiscovery(this, target, source, advert)
  }

  #macOf(address: Uint8Array): Uint8Array | undefined {
    const known = this.#neighbours.get(keyOf(address))
    if (known !== undefined) return known
    if (address.length === 16) {
      return isGroup(address, 0, 16) ? Uint8Array.of(0x33, 0x33, ...address.subarray(12)) : undefined
    }
    const [first, second = 0, third = 0, fourth = 0] = address
    if (first === 255 || this.isBroadcast(address)) return BROADCAST
    return isGroup(address, 0, 4) ? Uint8Array.of(0x01, 0, 0x5e, second & 0x7f, third, fourth) : undefined
  }

  #wait(frame: Uint8Array, address: Uint8Array, source: Uint8Array): void {
    const key = keyOf(address)
    let waiting = this.#unresolved.get(key)
    if (waiting === undefined) {
      waiting = { address, source, frames: [], bytes: 0, probes: 0, due: 0 }
      this.#unresolved.set(key, waiting)
      this.#probe(waiting)
    }
    waiting.frames.push(frame)
    waiting.bytes += frame.length
    // The oldest packet makes room, as on Linux.
    while (waiting.bytes > QUEUE_BYTES) waiting.bytes -= waiting.frames.shift()?.length ?? 0
  }

  #probe(waiting: Unresolved): void {
    const { address, source } = waiting
    waiting.probes++
    waiting.due = this.#stack.clock.now() + RETRANSMIT
    this.#alarm.at(Math.min(...[...this.#unresolved.values()].map(({ due }) => due)))
    if (address.length === 4) {
      const frame = new Uint8Array(ETH_HLEN + arp.ARP_LEN)
      frame.set(BROADCAST)
      copyAddress(frame, sourceAt(0), this.mac)
      setEtherType(frame, 0, ETH_P_ARP)
      arp.create(frame, ETH_HLEN, arp.ARPOP_REQUEST)
      copyAddress(frame, arp.shaAt(ETH_HLEN), this.mac)
      frame.set(source, ETH_HLEN + 14)
      frame.set(address, ETH_HLEN + 24)
      this.#transmit(frame)
      return
    }
    const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...address.subarray(13))
    this.#stack.sendDiscovery(this, source, group, this.#discovery(address))
  }

  /** Returns a solicitation for a target, with this interface's address. */
  #discovery(target: Uint8Array): Uint8Array {
    const message = new Uint8Array(icmpv6.NDISC_HLEN + LINK_OPTION)
    message[0] = icmpv6.NDISC_NEIGHBOUR_SOLICITATION
    message.set(target, icmpv6.targetAt(0))
    message[icmpv6.NDISC_HLEN] = icmpv6.ND_OPT_SOURCE_LL_ADDR
    message[icmpv6.NDISC_HLEN + 1] = 1
    message.set(this.mac, icmpv6.NDISC_HLEN + 2)
    return message
  }

  #retry(): void {
    const now = this.#stack.clock.now()
    for (const [key, waiting] of [...this.#unresolved]) {
      if (waiting.due > now) continue
      if (waiting.probes < PROBES) this.#probe(waiting)
      else {
        this.#unresolved.delete(key)
        for (const frame of waiting.frames) this.#stack.unresolved(frame)
      }
    }
    const [first] = [...this.#unresolved.values()].map(({ due }) => due).sort((a, b) => a - b)
    if (first !== undefined) this.#alarm.at(first)
  }

  #learn(address: Uint8Array, mac: Uint8Array): void {
    const key = keyOf(address)
    this.#neighbours.set(key, mac)
    const waiting = this.#unresolved.get(key)
    this.#unresolved.delete(key)
    for (const frame of waiting?.frames ?? []) {
      copyAddress(frame, destinationAt(0), mac)
      this.#transmit(frame)
    }
  }

  #receiveArp(bytes: Uint8Array, at: number, length: number): void {
    if (arp.parse(bytes, at, length) < 0) return
    const [sender, target] = [bytes.slice(at + 14, at + 18), bytes.slice(at + 24, at + 28)]
    const isOwn = this.addresses.some(own => sameBytes(own.bytes, target))
    const hardware = bytes.slice(arp.shaAt(at), arp.shaAt(at) + ETH_ALEN)
    if (arp.op(bytes, at) === arp.ARPOP_REPLY) {
      if (this.#unresolved.has(keyOf(sender))) this.#learn(sender, hardware)
      return
    }
    if (!isOwn || arp.op(bytes, at) !== arp.ARPOP_REQUEST) return
    this.#learn(sender, hardware)
    const reply = new Uint8Array(ETH_HLEN + arp.ARP_LEN)
    reply.set(bytes.subarray(at, at + arp.ARP_LEN), ETH_HLEN)
    arp.toReply(reply, ETH_HLEN, this.mac)
    copyAddress(reply, destinationAt(0), hardware)
    copyAddress(reply, sourceAt(0), this.mac)
    setEtherType(reply, 0, ETH_P_ARP)
    this.#transmit(reply)
  }
}

function prefixOf(cidr: string): Prefix {
  const prefix = parsePrefix(cidr)
  if (prefix === undefined) throw new UsageError(`'${cidr}' is not an address such as 198.18.0.1/24`)
  return prefix
}
