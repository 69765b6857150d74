/**
 * The kernel's part in a test bed. `refuse` throws for a frame that the kernel gives to no device.
 * NetworkStack is the part above one device that ping(8) needs. It replies to ARP requests and ICMP
 * echo requests for the addresses of its device, resolves neighbours unless the device is
 * IFF_NOARP, and ignores frames that the kernel would ignore: frames for others, frames with wrong
 * checksums, and packets from its own address.
 */
import type { AnyDevice } from '../netdev/driver.ts'
import { canOffload } from '../netdev/gso.ts'
import { IFF_NOARP, IFF_UP, VLAN_HLEN } from '../netdev/if.ts'
import {
  formatAddress,
  isInPrefix,
  type Prefix,
  parsePrefix,
  sameBytes,
} from '../packet/address.ts'
import * as arp from '../packet/arp.ts'
import { finish, onesComplementSum } from '../packet/checksum.ts'
import * as ethernet from '../packet/ethernet.ts'
import * as icmp from '../packet/icmp.ts'
import * as ipv4 from '../packet/ipv4.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '../skb/sk-buff.ts'
import { arpRequest } from './frames.ts'
import type { Frame, FrameInfo, MemoryPort } from './memory-port.ts'

/** Packets that wait for one neighbour's address. */
const UNRESOLVED_MAX = 64

/** Throws for a frame that the kernel does not give to a device. */
export function refuse(dev: AnyDevice, { length }: Uint8Array, info: FrameInfo): void {
  const { name, flags, carrier, mtu, features } = dev
  const { gsoSize = 0, gsoType = 0, ipSummed = 0 } = info
  const why = (text: string): Error => new Error(`the kernel transmits nothing on ${name}: ${text}`)
  if ((flags & IFF_UP) === 0) throw why('it is down')
  if (!carrier) throw why('it has no carrier')
  if (length < ethernet.ETH_HLEN) throw why(`a frame of ${length} bytes has no whole header`)
  if (gsoSize === 0 && length > mtu + ethernet.ETH_HLEN + VLAN_HLEN) {
    throw why(`${length} bytes are more than its MTU of ${mtu}`)
  }
  const isOffloaded = gsoSize !== 0 || ipSummed === CHECKSUM_PARTIAL
  if (isOffloaded && !canOffload({ gsoSize, gsoType } as SkBuff, features)) {
    throw why('the driver does not offer the offload (dev.features)')
  }
}

export class NetworkStack {
  readonly port: MemoryPort
  readonly #dev: AnyDevice
  readonly #transmit: (bytes: Uint8Array, queue: number) => void
  readonly #echoed: (identifier: number, sequence: number) => void
  /** Hardware addresses by protocol address. */
  readonly #neighbours = new Map<string, Uint8Array>()
  /** Frames that lack their destination's hardware address. */
  readonly #unresolved = new Map<string, { bytes: Uint8Array; queue: number }[]>()

  /** `echoed` is called with each echo reply. */
  constructor(
    dev: AnyDevice,
    port: MemoryPort,
    transmit: (bytes: Uint8Array, queue: number) => void,
    echoed: (identifier: number, sequence: number) => void,
  ) {
    this.#dev = dev
    this.port = port
    this.#transmit = transmit
    this.#echoed = echoed
  }

  /** The IPv4 addresses of the interface, with their networks. */
  get prefixes(): Prefix[] {
    return this.port.addresses
      .flatMap(text => parsePrefix(text) ?? [])
      .filter(({ bytes }) => bytes.length === 4)
  }

  /** Returns the stack's own address in the network of `to`; undefined without a route. */
  sourceFor(to: Uint8Array): Uint8Array | undefined {
    return this.prefixes.find(prefix => isInPrefix(to, prefix))?.bytes
  }

  isOwn(address: Uint8Array): boolean {
    return this.prefixes.some(({ bytes }) => sameBytes(bytes, address))
  }

  receive({ bytes, queue }: Frame): void {
    const isForUs = ethernet.isSameAddress(bytes, ethernet.destinationAt(0), this.#dev.devAddr)
    if (!isForUs && !ethernet.isBroadcastAddress(bytes, ethernet.destinationAt(0))) return
    const type = ethernet.etherType(bytes, 0)
    if (type === ethernet.ETH_P_ARP) {
      this.#receiveArp(bytes, queue)
    } else if (type === ethernet.ETH_P_IP) {
      this.#receiveIp(bytes, queue)
    }
  }

  /** Transmits an IPv4 frame, once its destination's hardware address is known. */
  send(bytes: Uint8Array, queue: number): void {
    const to = addressAt(bytes, ipv4.destinationAt(ethernet.ETH_HLEN))
    const source = this.sourceFor(to)
    if (source === undefined) return
    const { devAddr, flags } = this.#dev
    const key = formatAddress(to)
    const neighbour = (flags & IFF_NOARP) === 0 ? this.#neighbours.get(key) : devAddr
    ethernet.copyAddress(bytes, ethernet.sourceAt(0), devAddr)
    if (neighbour !== undefined) {
      ethernet.copyAddress(bytes, ethernet.destinationAt(0), neighbour)
      this.#transmit(bytes, queue)
      return
    }
    const waiting = this.#unresolved.get(key) ?? []
    this.#unresolved.set(key, waiting)
    if (waiting.length < UNRESOLVED_MAX) {
      waiting.push({ bytes, queue })
    }
    this.#transmit(arpRequest({ from: source, to, sourceMac: devAddr }), queue)
  }

  #receiveArp(bytes: Uint8Array, queue: number): void {
    if (
      (this.#dev.flags & IFF_NOARP) !== 0 ||
      arp.parse(bytes, ethernet.ETH_HLEN, bytes.length - ethernet.ETH_HLEN) < 0
    ) {
      return
    }
    const sender = addressAt(bytes, ethernet.ETH_HLEN + 14)
    if (this.isOwn(sender) || !this.isOwn(addressAt(bytes, ethernet.ETH_HLEN + 24))) return
    this.#learn(
      sender,
      bytes.slice(arp.shaAt(ethernet.ETH_HLEN), arp.shaAt(ethernet.ETH_HLEN) + ethernet.ETH_ALEN),
    )
    if (arp.op(bytes, ethernet.ETH_HLEN) !== arp.ARPOP_REQUEST) return
    const reply = bytes.slice(0, ethernet.ETH_HLEN + arp.ARP_LEN)
    arp.toReply(reply, ethernet.ETH_HLEN, this.#dev.devAddr)
    ethernet.copyAddress(reply, ethernet.destinationAt(0), bytes, arp.shaAt(ethernet.ETH_HLEN))
    ethernet.copyAddress(reply, ethernet.sourceAt(0), this.#dev.devAddr)
    this.#transmit(reply, queue)
  }

  #learn(address: Uint8Array, mac: Uint8Array): void {
    const key = formatAddress(address)
    this.#neighbours.set(key, mac)
    const waiting = this.#unresolved.get(key) ?? []
    this.#unresolved.delete(key)
    for (const { bytes, queue } of waiting) {
      this.send(bytes, queue)
    }
  }

  #receiveIp(bytes: Uint8Array, queue: number): void {
    const header = ipv4.parse(bytes, ethernet.ETH_HLEN, bytes.length - ethernet.ETH_HLEN)
    if (header < 0 || finish(onesComplementSum(bytes, ethernet.ETH_HLEN, header)) !== 0) return
    const [from, to] = [
      ipv4.sourceAt(ethernet.ETH_HLEN),
      ipv4.destinationAt(ethernet.ETH_HLEN),
    ].map(each => addressAt(bytes, each))
    if (!this.isOwn(to) || this.isOwn(from) || ipv4.isFragment(bytes, ethernet.ETH_HLEN)) return
    const at = ethernet.ETH_HLEN + header
    const length = ipv4.totalLength(bytes, ethernet.ETH_HLEN) - header
    if (
      ipv4.protocol(bytes, ethernet.ETH_HLEN) !== ipv4.IPPROTO_ICMP ||
      icmp.parse(bytes, at, length) < 0
    ) {
      return
    }
    if (finish(onesComplementSum(bytes, at, length)) !== 0) return
    const type = icmp.type(bytes, at)
    if (type === icmp.ICMP_ECHOREPLY) {
      this.#echoed(icmp.identifier(bytes, at), icmp.sequenceNumber(bytes, at))
    }
    if (type !== icmp.ICMP_ECHO) return
    const reply = bytes.slice(0, at + length)
    ipv4.swapAddresses(reply, ethernet.ETH_HLEN)
    icmp.changeType(reply, at, icmp.ICMP_ECHOREPLY)
    this.send(reply, queue)
  }
}

const addressAt = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.slice(at, at + ipv4.IPV4_ALEN)
