/** Reassembly: puts the fragments of IPv4 (RFC 791, 815) and IPv6 (RFC 8200) packets together. */
import { type Alarm, ETH_HLEN, ipv4, ipv6 } from 'vnet'
import { get16, put16 } from 'vnet/kit/packet'
import type { Ip } from '../contract.ts'
import { HDR_FIELD, HDR_INCOMP, type HeaderProblem, nextHeaderAt, upperAt } from './extensions.ts'
import type { Icmp, Replying } from './icmp.ts'
import { FRAGMENT_HLEN, IP6_MF } from './output.ts'
import { IP4, IP6, type IpVersion, keyOf, versionAt } from './version.ts'

// ipfrag_time and ip6frag_time of Linux, and the bytes of its ipfrag_high_thresh.
const TIME4 = 30e9
const TIME6 = 60e9

const MAX_BYTES = 4 * 1024 * 1024
/** The largest value of the length field of a header. */
const MAX_LENGTH = 0xffff
/** Lengths of the headers of TCP, UDP and ICMPv6. */
const UPPER_LENGTHS: Readonly<Record<number, number>> = { 6: 20, 17: 8, 58: 8 }
/** The memory of a fragment besides its data. */
const OVERHEAD = 512

// The bits of pieces without ECN, and of ones that met congestion (RFC 3168 sec. 5.3).
const NOT_ECT = 1
const CE = 8

interface Piece {
  readonly offset: number
  readonly data: Uint8Array
}

/** A received fragment. Its bytes are copies. */
export interface Fragment extends Piece {
  /** Addresses, protocol and identification. */
  readonly key: string
  readonly isLast: boolean
  /** The header that the whole packet keeps, and the position in it of the next header. */
  readonly head: Uint8Array
  readonly nextAt: number
  /** The next header of the whole packet, for IPv6. */
  readonly next: number
  /** How ICMP replies to the packet. */
  readonly replying: Replying
}

interface Partial {
  readonly version: IpVersion
  readonly until: number
  readonly pieces: Piece[]
  first: Fragment | undefined
  /** Length of the whole payload, once the last fragment has arrived; otherwise -1. */
  total: number
  bytes: number
  /** Lengths of the longest pieces of IPv4: of all, and of all with DF. */
  longest: number
  longestWhole: number
  /** The ECN values of its pieces, as bits. They contradict each other if one has none. */
  ecn: number
}

/** The parts of a stack that Reassembly uses. */
interface Owner extends Pick<Ip, 'clock' | 'count'> {
  readonly icmp: Pick<Icmp, 'parameterProblem' | 'reassemblyTimeExceeded'>
}

/**
 * The incomplete packets of one stack, in MAX_BYTES of memory at most; beyond that fragments are
 * dropped. A packet that is incomplete after its time is dropped, and reported to its sender.
 */
export class Reassembly {
  readonly #stack: Owner
  readonly #whole: (frame: Uint8Array, first: Fragment) => void
  readonly #partial = new Map<string, Partial>()
  #bytes = 0
  #alarm: Alarm | undefined

  /** `whole` takes over frames with reassembled packets. */
  constructor(stack: Owner, whole: (frame: Uint8Array, first: Fragment) => void) {
    this.#stack = stack
    this.#whole = whole
  }

  /** Takes a fragment, which is lent. `nh` is its IP header. `replying` is for ICMP. */
  add(bytes: Uint8Array, nh: number, end: number, replying: Replying): void {
    const version = versionAt(bytes, nh)
    this.#stack.count(version.counters.reasmReqds)
    const fragment =
      version === IP4 ? fragment4(bytes, nh, replying) : fragment6(bytes, nh, end, replying)
    const last = fragment.offset + fragment.data.length
    const problem = version === IP4 ? undefined : problem6(bytes, nh, end, fragment)
    if (problem !== undefined) {
      this.#stack.icmp.parameterProblem(bytes, nh, end - nh, problem)
    }
    if (problem !== undefined || this.#bytes > MAX_BYTES) {
      this.#stack.count(version.counters.reasmFails)
      return
    }
    const { key, offset, data } = fragment
    const partial = this.#partial.get(key) ?? this.#begin(version, key)
    const isCopy = isCovered(partial, fragment)
    if (data.length === 0 || !ends(partial, fragment) || !(isCopy || fits(partial, fragment))) {
      this.#remove(key, partial)
      this.#stack.count(version.counters.reasmFails)
      return
    }
    if (fragment.isLast) {
      partial.total = last
    }
    if (isCopy) return
    partial.ecn |= 1 << (version.trafficClass(bytes, nh) & 3)
    partial.longest = Math.max(partial.longest, data.length + fragment.head.length)
    if (version === IP4 && (ipv4.flags(bytes, nh) & ipv4.IP_DF) !== 0) {
      partial.longestWhole = Math.max(partial.longestWhole, data.length + fragment.head.length)
    }
    partial.pieces.push({ offset, data })
    partial.bytes += data.length + OVERHEAD
    this.#bytes += data.length + OVERHEAD
    if (offset === 0) {
      partial.first = fragment
    }
    this.#complete(key, partial)
  }

  close(): void {
    this.#alarm?.cancel()
    this.#partial.clear()
  }

  #begin(version: IpVersion, key: string): Partial {
    const until = this.#stack.clock.now() + (version === IP4 ? TIME4 : TIME6)
    const partial: Partial = {
      version,
      until,
      pieces: [],
      first: undefined,
      total: -1,
      bytes: 0,
      longest: 0,
      longestWhole: -1,
      ecn: 0,
    }
    this.#partial.set(key, partial)
    this.#arm()
    return partial
  }

  #remove(key: string, { bytes }: Partial): void {
    this.#partial.delete(key)
    this.#bytes -= bytes
    this.#arm()
  }

  #complete(key: string, partial: Partial): void {
    const { version, pieces, first, total } = partial
    let have = 0
    for (const { data } of pieces) {
      have += data.length
    }
    if (first === undefined || have !== total) return
    this.#remove(key, partial)
    const isMixed = partial.ecn > NOT_ECT && (partial.ecn & NOT_ECT) !== 0
    if (isMixed || lengthOf(version, first, total) > MAX_LENGTH) {
      this.#stack.count(version.counters.reasmFails)
      return
    }
    this.#stack.count(version.counters.reasmOks)
    const frame = joined(version, first, pieces, total)
    // Linux keeps DF if no router can have cut the packet into its pieces.
    if (partial.longestWhole === partial.longest) {
      put16(frame, ETH_HLEN + 6, ipv4.IP_DF)
      version.finish(frame, ETH_HLEN)
    }
    if ((partial.ecn & CE) !== 0) {
      version.setTrafficClass(frame, ETH_HLEN, version.trafficClass(frame, ETH_HLEN) | 3)
      version.finish(frame, ETH_HLEN)
    }
    this.#whole(frame, first)
  }

  #arm(): void {
    let next = Number.POSITIVE_INFINITY
    for (const { until } of this.#partial.values()) {
      if (until < next) {
        next = until
      }
    }
    if (next === Number.POSITIVE_INFINITY) {
      this.#alarm?.cancel()
    } else {
      this.#alarm ??= this.#stack.clock.alarm(() => this.#expire())
      this.#alarm.at(next)
    }
  }

  /** Drops packets after their time, and reports those with a first fragment. */
  #expire(): void {
    const now = this.#stack.clock.now()
    const late = [...this.#partial].filter(([, { until }]) => until <= now)
    for (const [key, partial] of late) {
      const { version, first } = partial
      this.#remove(key, partial)
      this.#stack.count(version.counters.reasmTimeout)
      this.#stack.count(version.counters.reasmFails)
      if (first === undefined) continue
      const piece = joined(version, first, [first], first.data.length)
      this.#stack.icmp.reassemblyTimeExceeded(version, piece, ETH_HLEN, piece.length - ETH_HLEN)
    }
    this.#arm()
  }
}

/** Returns the value of the length field. IPv6 does not count the fixed header. */
function lengthOf(version: IpVersion, { head }: Fragment, payload: number): number {
  return head.length + payload - (version === IP4 ? 0 : ipv6.IPV6_HLEN)
}

/** Returns a frame with the packet that pieces make. */
function joined(
  version: IpVersion,
  first: Fragment,
  pieces: readonly Piece[],
  length: number,
): Uint8Array {
  const { head, nextAt, next } = first
  const frame = new Uint8Array(ETH_HLEN + head.length + length)
  frame.set(head, ETH_HLEN)
  for (const { offset, data } of pieces) {
    frame.set(data, ETH_HLEN + head.length + offset)
  }
  if (version === IP4) {
    put16(frame, ETH_HLEN + 6, 0)
    ipv4.setTotalLength(frame, ETH_HLEN, lengthOf(version, first, length))
    version.finish(frame, ETH_HLEN)
  } else {
    frame[nextAt] = next
    ipv6.setPayloadLength(frame, ETH_HLEN, lengthOf(version, first, length))
  }
  return frame
}

/** Whether a fragment ends where its packet does, or before. */
function ends({ pieces, total }: Partial, { offset, data, isLast }: Fragment): boolean {
  const end = offset + data.length
  if (total >= 0 && (isLast ? end !== total : end > total)) return false
  return !isLast || pieces.every(each => each.offset + each.data.length <= end)
}

/** Whether a fragment overlaps no other (RFC 5722; Linux for IPv4 too). */
function fits({ pieces }: Partial, { offset, data }: Fragment): boolean {
  const end = offset + data.length
  return pieces.every(each => offset >= each.offset + each.data.length || each.offset >= end)
}

/** Whether all bytes of a fragment have arrived, perhaps in other pieces. */
function isCovered({ pieces }: Partial, { offset, data }: Fragment): boolean {
  const end = offset + data.length
  let covered = 0
  for (const { offset: at, data: some } of pieces) {
    covered += Math.max(0, Math.min(end, at + some.length) - Math.max(offset, at))
  }
  return covered === data.length
}

/** Returns why an IPv6 fragment is refused, to be reported; undefined if it is not. */
function problem6(
  bytes: Uint8Array,
  nh: number,
  end: number,
  fragment: Fragment,
): HeaderProblem | undefined {
  const { head, offset, data, isLast } = fragment
  // The first fragment has all headers (RFC 7112).
  const upper = offset > 0 ? undefined : upperAt(bytes, nh, end)
  if (upper !== undefined && upper.h + (UPPER_LENGTHS[upper.protocol] ?? 1) > end) {
    return { code: HDR_INCOMP, pointer: 0 }
  }
  if (lengthOf(IP6, fragment, offset + data.length) > MAX_LENGTH) {
    return { code: HDR_FIELD, pointer: head.length + 2 }
  }
  return isLast || data.length % 8 === 0 ? undefined : { code: HDR_FIELD, pointer: 4 }
}

function fragment4(bytes: Uint8Array, nh: number, replying: Replying): Fragment {
  const h = nh + ipv4.headerLength(bytes, nh)
  const isLast = (ipv4.flags(bytes, nh) & ipv4.IP_MF) === 0
  const length = nh + ipv4.totalLength(bytes, nh) - h
  // Linux cuts the data to a multiple of 8 bytes.
  const data = bytes.slice(h, h + (isLast ? length : length & ~7))
  const key = `4${keyOf(bytes, nh + 12, 8)}${ipv4.protocol(bytes, nh)}.${ipv4.identification(bytes, nh)}`
  const [offset, head] = [ipv4.fragmentOffset(bytes, nh), bytes.slice(nh, h)]
  return { key, offset, isLast, data, head, nextAt: 0, next: 0, replying }
}

function fragment6(bytes: Uint8Array, nh: number, end: number, replying: Replying): Fragment {
  const nextAt = nextHeaderAt(bytes, nh, end, false)
  const h = nh + (ipv6.upperLayer(bytes, nh, end - nh, false, true) >>> 8)
  const field = get16(bytes, h + 2)
  const data = bytes.slice(h + FRAGMENT_HLEN, Math.min(end, nh + IP6.total(bytes, nh)))
  const isLast = (field & IP6_MF) === 0
  return {
    key: `6${keyOf(bytes, nh + 8, 32)}${keyOf(bytes, h + 4, 4)}`,
    offset: field & 0xfff8,
    isLast,
    data,
    head: bytes.slice(nh, h),
    nextAt: ETH_HLEN + nextAt - nh,
    next: bytes[h] as number,
    replying,
  }
}
