/**
 * Copies: finds packets that a capture has on several interfaces, such as a bond and its cards, or
 * a bridge and its ports. A copy is the same packet on another interface, within COPY_TIME. A
 * packet on the same interface is never a copy.
 */
import { checksum, ipv4, NSEC_PER_MSEC, tcp, udp } from 'vnet'
import { get16 } from 'vnet/kit/packet'
import type { PacketView } from './packet-view.ts'

/** Nanoseconds within which a copy follows: half of the shortest retransmission timeout of TCP. */
export const COPY_TIME = 100 * NSEC_PER_MSEC
/** Packets that are compared, twice as many at most; and interfaces of a packet. */
const PACKETS_MAX = 1 << 14
const PLACES_MAX = 16
/** Stands for a checksum that a network card was to compute. */
const PARTIAL = -1
/** Bytes of a datagram's payload that are compared: packets of QUIC start with the same ones. */
const HEAD = 32

interface Seen {
  time: number
  readonly sum: number
  /** How often the packet counts. */
  counted: number
  /** The interfaces that had it, and how often each. */
  readonly places: number[]
  readonly times: number[]
}

export class Copies {
  /** Packets of the last COPY_TIME or less, and of the time before it. */
  #recent = new Map<number, Seen>()
  #older = new Map<number, Seen>()
  #since = 0

  /** Takes a packet of a flow's direction. Returns whether it is a copy, which does not count. */
  isCopy(p: PacketView, flow: number, isForward: boolean): boolean {
    if (p.time - this.#since >= COPY_TIME || this.#recent.size >= PACKETS_MAX) {
      this.#older = this.#recent
      this.#recent = new Map()
      this.#since = p.time
    }
    const key = keyOf(p, flow, isForward)
    const seen = this.#recent.get(key) ?? this.#older.get(key)
    const sum = sumOf(p)
    const isKnown = seen !== undefined && p.time - seen.time < COPY_TIME
    if (!isKnown || (sum !== seen.sum && sum !== PARTIAL && seen.sum !== PARTIAL)) {
      this.#recent.set(key, { time: p.time, sum, counted: 1, places: [p.place], times: [1] })
      return false
    }
    let i = seen.places.indexOf(p.place)
    if (i < 0) {
      if (seen.places.length >= PLACES_MAX) return true
      i = seen.places.push(p.place) - 1
      seen.times.push(0)
    }
    seen.times[i]++
    if (seen.times[i] <= seen.counted) return true
    seen.counted++
    seen.time = p.time
    this.#recent.set(key, seen)
    return false
  }
}

/** An interface with joined packets counts again if the others are quiet for so long, in ns. */
const JOINED_TIME = 1000 * NSEC_PER_MSEC

/**
 * Interfaces that have several packets as one, as before segmentation or after GRO. Their packets
 * of a direction do not count while another interface has the single ones.
 */
export class JoinedPlaces {
  readonly #places: number[] = []
  /** When another interface had a packet last. */
  #heard = Number.NEGATIVE_INFINITY

  add(place: number, time: number): void {
    if (this.#places.length < PLACES_MAX && !this.#places.includes(place)) {
      this.#places.push(place)
    }
    this.#heard = time
  }

  /** Takes a packet. Returns whether it does not count: shorter ones are on another interface. */
  has({ place, time }: PacketView): boolean {
    if (this.#places.length === 0) return false
    if (this.#places.includes(place)) return time - this.#heard < JOINED_TIME
    this.#heard = time
    return false
  }
}

/**
 * Returns whether a part of a packet, `at` bytes after its start, can have this identification: the
 * parts count from the identification of the whole. A repetition has a later one.
 */
export function isPartOf(id: number, length: number, whole: number, at: number): boolean {
  if (id === 0 || whole === 0) return id === whole
  return ((id - whole) & 0xffff) <= at / length
}

/** Returns a hash of the first bytes of a datagram. */
export function headOf({ bytes, at, end, length }: PacketView): number {
  let hash = 0
  for (let i = at; i < Math.min(end, at + length, at + HEAD); i++) {
    hash = Math.imul(hash ^ bytes[i], 0x01000193)
  }
  return hash
}

/** Returns a number that identifies the packet in the capture, without its checksum. */
function keyOf(p: PacketView, flow: number, isForward: boolean): number {
  let [low, high] = [flow | 0, (flow / 2 ** 32) | 0]
  const mix = (value: number): void => {
    low = Math.imul(low ^ value ^ (low >>> 15), 0x01000193)
    high = Math.imul(high ^ value ^ (high >>> 13), 0x27d4eb2f)
  }
  for (const value of [p.id, isForward ? 1 : 2, p.ipLength]) {
    mix(value)
  }
  // A report of ICMP has the fields of the packet in it.
  const isReport = p.report !== ''
  if (!isReport && p.protocol === ipv4.IPPROTO_TCP) {
    for (const value of [p.seq, p.ack, p.flags, p.stamp]) {
      mix(value)
    }
  } else if (!isReport) {
    mix(headOf(p))
  }
  return (low >>> 0) * 2 ** 21 + (high >>> 11)
}

/** Returns the checksum of TCP or UDP. */
function sumOf({ bytes, h, nh, end, protocol, version, ipLength, report }: PacketView): number {
  const at = h + (protocol === ipv4.IPPROTO_TCP ? tcp.TCP_CHECK : udp.UDP_CHECK)
  if (report !== '' || at + 2 > end) return PARTIAL
  const sum = get16(bytes, at)
  const pseudoHeaderSum = version === 4 ? checksum.pseudoHeaderSum4 : checksum.pseudoHeaderSum6
  return sum === pseudoHeaderSum(bytes, nh, protocol, nh + ipLength - h) ? PARTIAL : sum
}
