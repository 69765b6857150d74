/**
 * Neighbours: the hardware addresses of the neighbours of an interface. It asks for them by ARP
 * (RFC 826) and neighbour discovery (RFC 4861), and keeps the packets that wait for a reply. Unlike
 * in Linux, entries do not age.
 */
import { type Alarm, arp, ETH_HLEN, ethernet, NSEC_PER_SEC } from 'vnet'
import { sameBytes } from 'vnet/kit/packet'
import type { Ip } from '../contract.ts'
import { type DiscoveryOwner, solicitation, solicitedGroup } from './discovery.ts'
import type { StackInterface } from './interface.ts'
import { type AddressKey, addressKey } from './version.ts'

// mcast_solicit, retrans_time_ms and unres_qlen_bytes of Linux's neighbour tables.
const PROBES = 3
const RETRANSMIT = NSEC_PER_SEC
const QUEUE_BYTES = 212_992

/** locktime of Linux's ARP table: of several replies in a row the first one holds. */
const LOCKED = NSEC_PER_SEC

/** Linux's gc_thresh3, which is for each family. */
const ENTRIES_MAX = 2 * 1024

/** The entry of an address. Hops keep it, so it is changed in place. */
export class Neighbour {
  readonly address: Uint8Array
  /** Undefined if it is not known. */
  mac: Uint8Array | undefined
  /** When the hardware address became known. */
  since = 0
  /** Set by the user, so that no packet of others changes it. */
  isPermanent = false
  /** Frames without a destination, the oldest first. */
  readonly frames: Uint8Array[] = []
  queued = 0
  /** How often it was asked for; 0 if it is not. */
  probes = 0
  due = 0
  /** The own address that asks. */
  source: Uint8Array | undefined

  constructor(address: Uint8Array, mac: Uint8Array | undefined) {
    this.address = address
    this.mac = mac
  }
}

/** The parts of a stack that Neighbours use. */
export interface NeighboursOwner extends DiscoveryOwner<StackInterface>, Pick<Ip, 'clock'> {
  readonly routes: { changed(): void }
  readonly icmp: { unreachable(frame: Uint8Array, nh: number): void }
}

/** The table of one interface, for both families: at most ENTRIES_MAX entries. */
export class Neighbours {
  readonly #stack: NeighboursOwner
  readonly #dev: StackInterface
  readonly #entries = new Map<AddressKey, Neighbour>()
  /** Those that are asked for. */
  #asked: Neighbour[] = []
  #alarm: Alarm | undefined

  constructor(stack: NeighboursOwner, dev: StackInterface) {
    this.#stack = stack
    this.#dev = dev
  }

  get size(): number {
    return this.#entries.size
  }

  /** Returns the entry of an address, which is the same until routes change. */
  of(address: Uint8Array): Neighbour {
    const key = addressKey(address, 0, address.length)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      if (this.#entries.size >= ENTRIES_MAX) {
        this.#evict()
      }
      entry = new Neighbour(address.slice(), this.#mapped(address))
      this.#entries.set(key, entry)
    }
    return entry
  }

  /** Forgets a neighbour that did not reply, or else the oldest. */
  #evict(): void {
    let oldest: [key: AddressKey, entry: Neighbour] | undefined
    for (const each of this.#entries) {
      const [, { isPermanent, mac, probes }] = each
      if (isPermanent) continue
      oldest ??= each
      if (mac !== undefined || probes > 0) continue
      oldest = each
      break
    }
    if (oldest === undefined) return
    const [key, entry] = oldest
    this.#entries.delete(key)
    if (entry.probes > 0) {
      this.#stop(entry)
    }
    this.#stack.count('NeighUnresolvedDiscards', entry.frames.splice(0).length)
    // Kept hops lead to the entry.
    this.#stack.routes.changed()
  }

  /** Whether the hardware address of a neighbour is known. */
  has(address: Uint8Array): boolean {
    return this.#entries.get(addressKey(address, 0, address.length))?.mac !== undefined
  }

  /** Whether the hardware address of a neighbour is known, or asked for. */
  isUsed(address: Uint8Array): boolean {
    const entry = this.#entries.get(addressKey(address, 0, address.length))
    return entry !== undefined && (entry.mac !== undefined || entry.probes > 0)
  }

  /** Takes over a frame for a neighbour. `source` is the packet's. */
  send(frame: Uint8Array, to: Neighbour, source: Uint8Array): void {
    if (to.mac !== undefined) {
      ethernet.copyAddress(frame, ethernet.destinationAt(0), to.mac)
      this.#dev.transmit(frame)
      return
    }
    to.frames.push(frame)
    to.queued += trueSize(frame)
    // The oldest packet makes room.
    while (to.queued > QUEUE_BYTES) {
      to.queued -= trueSize(to.frames.shift() as Uint8Array)
      this.#stack.count('NeighUnresolvedDiscards')
    }
    if (to.probes > 0) return
    to.source = source
    this.#asked.push(to)
    this.#probe(to)
  }

  setPermanent(address: Uint8Array, mac: Uint8Array): void {
    const entry = this.of(address)
    entry.isPermanent = true
    this.#resolve(entry, mac)
  }

  /** Sets the hardware address of a neighbour that has sent it with a request for this host. */
  learn(address: Uint8Array, mac: Uint8Array): void {
    const entry = this.of(address)
    if (!entry.isPermanent && this.#mapped(address) === undefined) {
      this.#resolve(entry, mac)
    }
  }

  /**
   * Same, for a neighbour that this host knows or asks for, and for no other. Unless `isFirm`, a
   * hardware address that is new itself remains.
   */
  update(address: Uint8Array, mac: Uint8Array, isFirm: boolean): void {
    if (!this.isUsed(address)) return
    const entry = this.of(address)
    if (!isFirm && entry.mac !== undefined && this.#stack.clock.now() - entry.since <= LOCKED) {
      return
    }
    if (!entry.isPermanent && this.#mapped(address) === undefined) {
      this.#resolve(entry, mac)
    }
  }

  /** Forgets all neighbours and drops packets that wait: the interface is down or lacks carrier. */
  flush(): void {
    this.#alarm?.cancel()
    this.#asked = []
    for (const entry of this.#entries.values()) {
      entry.isPermanent = false
      entry.mac = this.#mapped(entry.address)
      entry.probes = 0
      this.#stack.count('TxDropped', entry.frames.length)
      entry.frames.length = 0
      entry.queued = 0
    }
  }

  /** Drops the packets that wait, and asks for no neighbour any more. */
  dropQueued(): void {
    for (const entry of this.#asked.splice(0)) {
      entry.probes = 0
      entry.frames.length = 0
      entry.queued = 0
    }
    this.#alarm?.cancel()
  }

  /** Returns the hardware address to which a group or broadcast address is mapped. */
  #mapped(address: Uint8Array): Uint8Array | undefined {
    const group = this.#dev.isBroadcast(address)
      ? ethernet.BROADCAST
      : ethernet.groupAddress(address)
    return group ?? (this.#dev.isNoArp ? this.#dev.mac : undefined)
  }

  #probe(entry: Neighbour): void {
    const { address, source } = entry
    entry.probes++
    entry.due = this.#stack.clock.now() + RETRANSMIT
    this.#arm()
    if (address.length === 4) {
      const from =
        source !== undefined && this.#stack.isOwn(source) ? source : this.#dev.sourceFor(address)
      if (from !== undefined) {
        this.#dev.transmit(arp.requestFrame(this.#dev.mac, from, address))
      }
      return
    }
    const from =
      source !== undefined && this.#dev.hasAddress(source, 0) ? source : this.#dev.linkLocal
    this.#stack.count('Icmp6OutNeighborSolicits')
    this.#stack.output.sendDiscovery(
      this.#dev,
      from,
      solicitedGroup(address),
      solicitation(address, this.#dev.mac),
    )
  }

  #arm(): void {
    let due = Number.POSITIVE_INFINITY
    for (const entry of this.#asked) {
      if (entry.due < due) {
        due = entry.due
      }
    }
    if (due === Number.POSITIVE_INFINITY) {
      this.#alarm?.cancel()
    } else {
      this.#alarm ??= this.#stack.clock.alarm(() => this.#retry())
      this.#alarm.at(due)
    }
  }

  #retry(): void {
    const now = this.#stack.clock.now()
    const due = this.#asked.filter(entry => entry.due <= now)
    for (const entry of due) {
      if (entry.probes < PROBES) {
        this.#probe(entry)
      } else {
        this.#fail(entry)
      }
    }
    this.#arm()
  }

  /** Reports the packets that wait, like arp_error_report. The next packet asks again. */
  #fail(entry: Neighbour): void {
    this.#stop(entry)
    for (const frame of entry.frames.splice(0)) {
      this.#stack.icmp.unreachable(frame, ETH_HLEN)
    }
  }

  #resolve(entry: Neighbour, mac: Uint8Array): void {
    if (entry.mac === undefined || !sameBytes(entry.mac, mac)) {
      entry.since = this.#stack.clock.now()
    }
    entry.mac = mac
    if (entry.probes > 0) {
      this.#stop(entry)
    }
    for (const frame of entry.frames.splice(0)) {
      ethernet.copyAddress(frame, ethernet.destinationAt(0), mac)
      this.#dev.transmit(frame)
    }
  }

  #stop(entry: Neighbour): void {
    entry.probes = 0
    entry.queued = 0
    this.#asked = this.#asked.filter(each => each !== entry)
    this.#arm()
  }
}

/** The memory that Linux charges to a frame (skb->truesize): its data in a slab, and an sk_buff. */
function trueSize(frame: Uint8Array): number {
  const data = frame.length + 384
  return 256 + Math.max(512, 2 ** Math.ceil(Math.log2(data)))
}
