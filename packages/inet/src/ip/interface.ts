/** StackInterface: an Ethernet interface of a host in memory, with its addresses and groups. */
import { ethernet, ipv6, type Prefix, parsePrefix, UsageError, VLAN_HLEN, vlan } from 'vnet'
import { get16, get32, isInPrefix, networkOf, sameBytes } from 'vnet/kit/packet'
import { receiveArp } from './discovery.ts'
import { type Neighbour, Neighbours, type NeighboursOwner } from './neighbours.ts'
import {
  type AddressKey,
  addressKey,
  IPV6_MIN_MTU,
  isAddressAt,
  isOfLink,
  isUnspecified,
  versionOf,
} from './version.ts'

/** The properties of an interface, and where its frames go. */
export interface StackInterfaceOptions {
  readonly name: string
  readonly mac: Uint8Array
  /** The largest IP packet, in bytes. */
  readonly mtu: number
  /** Whether it sends everything to its own hardware address, and asks for no other (IFF_NOARP). */
  readonly isNoArp?: boolean
  /** Takes over an Ethernet frame. It is called inside the call that sends, or by an alarm. */
  transmit(frame: Uint8Array): void
}

/** The parts of a stack that an interface uses. */
interface Owner extends NeighboursOwner {
  removed(dev: StackInterface): void
  readonly input: {
    receive(
      dev: StackInterface,
      type: number,
      bytes: Uint8Array,
      at: number,
      length: number,
      isForUs: boolean,
    ): void
  }
}

/**
 * An interface, from IpStack.addInterface() until remove(). It is up and has a carrier at first.
 * Its owner passes received frames to receive(); frames to send come out of `transmit`.
 */
export class StackInterface {
  readonly name: string
  readonly mac: Uint8Array
  /** The addresses with their networks, the oldest first, without the link-local one. */
  readonly addresses: Prefix[] = []
  /** The link-local address that neighbour discovery uses: an EUI-64 (RFC 4291 appendix A). */
  readonly linkLocal: Uint8Array
  readonly isNoArp: boolean
  /** @internal */
  readonly neighbours: Neighbours
  readonly #stack: Owner
  readonly #transmit: (frame: Uint8Array) => void
  /** How often sockets have joined each group. */
  readonly #groups = new Map<AddressKey, number>()
  #mtu: number
  #isUp = true
  #carrier = true

  /** @internal The stack makes it. */
  constructor(stack: Owner, { name, mac, mtu, isNoArp = false, transmit }: StackInterfaceOptions) {
    this.name = name
    this.mac = mac
    this.#mtu = mtu
    this.#stack = stack
    this.#transmit = transmit
    this.isNoArp = isNoArp
    this.linkLocal = linkLocalOf(mac)
    this.neighbours = new Neighbours(stack, this)
  }

  get mtu(): number {
    return this.#mtu
  }

  set mtu(mtu: number) {
    this.#mtu = mtu
    this.#stack.routes.changed()
  }

  get carrier(): boolean {
    return this.#carrier
  }

  /**
   * Without carrier every frame is dropped and counted as TxDropped. Routes remain, but neighbours
   * are forgotten (arp_evict_nocarrier).
   */
  set carrier(carrier: boolean) {
    if (this.#carrier && !carrier) {
      this.neighbours.flush()
    }
    this.#carrier = carrier
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Whether it passes packets of a family: IPv6 needs an MTU of 1280, like on Linux. */
  passes(addressLength: number): boolean {
    return this.#isUp && (addressLength === 4 || this.#mtu >= IPV6_MIN_MTU)
  }

  /** Adds an address with its network: `198.18.0.1/24`. */
  addAddress(cidr: string): void {
    const prefix = prefixOf(cidr)
    if (this.addresses.some(({ bytes }) => sameBytes(bytes, prefix.bytes))) return
    this.addresses.push(prefix)
    this.#stack.routes.changed()
  }

  removeAddress(cidr: string): void {
    const { bytes } = prefixOf(cidr)
    const i = this.addresses.findIndex(each => sameBytes(each.bytes, bytes))
    if (i >= 0) {
      this.addresses.splice(i, 1)
    }
    this.#stack.routes.changed()
  }

  /**
   * Takes the interface up or down. While it is down, its routes are not used, frames are dropped,
   * and neighbours are forgotten.
   */
  setUp(isUp: boolean): void {
    this.#isUp = isUp
    if (!isUp) {
      this.neighbours.flush()
    }
    this.#stack.routes.changed()
  }

  /** Sets the hardware address of a neighbour. It remains until the interface loses its carrier. */
  setNeighbour(address: Uint8Array, mac: Uint8Array): void {
    this.neighbours.setPermanent(address, mac)
  }

  /** Takes the interface down and removes it from its host, with its routes. */
  remove(): void {
    this.#isUp = false
    this.neighbours.flush()
    this.#stack.removed(this)
  }

  /** Returns the own address from which packets to an address leave; undefined without one. */
  sourceFor(to: Uint8Array): Uint8Array | undefined {
    // Groups of the link have its scope, too (RFC 6724 sec. 5, rule 2). In Linux :: has the least.
    if (isOfLink(to) || (to.length === 16 && isUnspecified(to))) return this.linkLocal
    let first: Uint8Array | undefined
    for (const prefix of this.addresses) {
      if (prefix.bytes.length !== to.length) continue
      if (isInPrefix(to, prefix)) return prefix.bytes
      first ??= prefix.bytes
    }
    return first
  }

  /** Whether an address of either family is an address of this interface. */
  owns(address: Uint8Array): boolean {
    return (
      sameBytes(this.linkLocal, address) ||
      this.addresses.some(({ bytes }) => sameBytes(bytes, address))
    )
  }

  /** Whether the bytes at `at` are an IPv6 address of this interface. */
  hasAddress(bytes: Uint8Array, at: number): boolean {
    if (isAddressAt(bytes, at, this.linkLocal)) return true
    for (const own of this.addresses) {
      if (own.bytes.length === 16 && isAddressAt(bytes, at, own.bytes)) {
        return true
      }
    }
    return false
  }

  /** Whether an address is the broadcast of a network of this interface. */
  isBroadcast(address: Uint8Array): boolean {
    if (address.length !== 4) return false
    const asked = get32(address, 0)
    for (const { bytes, prefixLen } of this.addresses) {
      if (bytes.length !== 4 || prefixLen >= 31) continue
      if (
        (get32(networkOf({ bytes, prefixLen }), 0) | (0xffff_ffff >>> prefixLen)) >>> 0 ===
        asked
      ) {
        return true
      }
    }
    return false
  }

  /** Whether an address belongs to all routers of a network here (RFC 4291 section 2.6.1). */
  isAnycast(address: Uint8Array): boolean {
    if (address.length !== 16) return false
    if (ipv6.isLinkLocal(address, 0) && address.subarray(2).every(byte => byte === 0)) return true
    return this.addresses.some(
      prefix =>
        prefix.bytes.length === 16 &&
        prefix.prefixLen < 127 &&
        sameBytes(networkOf(prefix), address),
    )
  }

  /** Receives a group; joined twice, it is left twice. */
  join(group: Uint8Array): void {
    const key = addressKey(group, 0, group.length)
    this.#groups.set(key, (this.#groups.get(key) ?? 0) + 1)
  }

  /** Leaves a group once. Does nothing if it is not joined. */
  leave(group: Uint8Array): void {
    const key = addressKey(group, 0, group.length)
    const joined = this.#groups.get(key) ?? 0
    if (joined > 1) {
      this.#groups.set(key, joined - 1)
    } else {
      this.#groups.delete(key)
    }
  }

  /** Whether this interface receives the group at `at`: joined, of all nodes, or solicited-node. */
  isMember(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#groups.size > 0 && this.#groups.has(addressKey(bytes, at, length))) return true
    if (length === 4) return get32(bytes, at) === 0xe000_0001
    const scope = bytes[at + 1]
    if ((scope !== 1 && scope !== 2) || get32(bytes, at + 4) !== 0 || get16(bytes, at + 2) !== 0) {
      return false
    }
    if (get32(bytes, at + 8) === 0) {
      const group = get32(bytes, at + 12)
      return group === 1 || (group === 2 && this.#stack.forwarding)
    }
    if (get32(bytes, at + 8) !== 1 || bytes[at + 12] !== 0xff) return false
    if (isAddressAt(bytes, at + 13, this.linkLocal.subarray(13))) return true
    return this.addresses.some(
      own => own.bytes.length === 16 && isAddressAt(bytes, at + 13, own.bytes.subarray(13)),
    )
  }

  /** @internal Takes over a frame with room for an Ethernet header, and sends its packet. */
  output(frame: Uint8Array, to: Neighbour, source: Uint8Array): void {
    if (!this.#isUp) {
      this.#stack.count('TxDropped')
      return
    }
    ethernet.copyAddress(frame, ethernet.sourceAt(0), this.mac)
    ethernet.setEtherType(frame, 0, versionOf(to.address).etherType)
    this.neighbours.send(frame, to, source)
  }

  /** @internal Takes over a whole frame. */
  transmit(frame: Uint8Array): void {
    if (this.#isUp && this.#carrier) {
      this.#transmit(frame)
    } else {
      this.#stack.count('TxDropped')
    }
  }

  /** Takes a frame, which is lent. Ignores frames for other stations. */
  receive(bytes: Uint8Array, at: number, length: number): void {
    if (!this.#isUp || length < ethernet.ETH_HLEN) return
    const isForUs = ethernet.isSameAddress(bytes, ethernet.destinationAt(at), this.mac)
    if (!isForUs && !ethernet.isMulticastAddress(bytes, ethernet.destinationAt(at))) return
    const header = headerOf(bytes, at, length)
    const type = header < 0 ? -1 : get16(bytes, at + header - 2)
    if (type === ethernet.ETH_P_ARP) {
      receiveArp(this.#stack, this, bytes, at + header, length - header)
    } else if (
      type === ethernet.ETH_P_IP ||
      (type === ethernet.ETH_P_IPV6 && this.#mtu >= IPV6_MIN_MTU)
    ) {
      this.#stack.input.receive(this, type, bytes, at + header, length - header, isForUs)
    }
  }
}

/**
 * Returns the length of a frame's header with its priority tags, which have VLAN 0; -1 for a frame
 * of another VLAN, and for one that ends before.
 */
function headerOf(bytes: Uint8Array, at: number, length: number): number {
  let header = ethernet.ETH_HLEN
  while (vlan.isVlan(get16(bytes, at + header - 2))) {
    if (length < header + VLAN_HLEN || vlan.vid(bytes, at + header - 2) !== 0) return -1
    header += VLAN_HLEN
  }
  return header
}

function linkLocalOf(mac: Uint8Array): Uint8Array {
  const address = new Uint8Array(16)
  address[0] = 0xfe
  address[1] = 0x80
  ethernet.copyAddress(address, 8, mac)
  address.copyWithin(13, 11, 14)
  address[8] = (mac[0] as number) ^ 2
  address[11] = 0xff
  address[12] = 0xfe
  return address
}

function prefixOf(cidr: string): Prefix {
  const prefix = parsePrefix(cidr)
  if (prefix === undefined) {
    throw new UsageError(`'${cidr}' is not an address such as 198.18.0.1/24`)
  }
  return prefix
}
