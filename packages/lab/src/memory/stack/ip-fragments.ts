/** Fragments of IPv4 (RFC 791 sec. 3.2, RFC 815) and IPv6 (RFC 8200 sec. 4.5). */
import type { Alarm, Clock } from 'vnet/internal/base/clock'
import { ETH_HLEN } from 'vnet/internal/packet/ethernet'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { get16, put16, put32 } from 'vnet/internal/packet/octets'
import { IP4, type IpVersion, keyOf } from './ip-version.ts'

/** ipfrag_time of Linux, and RFC 8200 section 4.5. */
const [TIME, TIME6] = [30e9, 60e9]
const MAX_PACKETS = 64
const FRAGMENT_HEADER = 8
const MORE6 = 1

/**
 * Cuts a frame into frames whose packets have at most `mtu` bytes. Packets have no options, except
 * that forwarded IPv4 packets may be fragments themselves.
 */
export function fragmentsOf(version: IpVersion, frame: Uint8Array, mtu: number, id: number): Uint8Array[] {
  const isV4 = version === IP4
  const nh = ETH_HLEN
  const header = isV4 ? ipv4.headerLength(frame, nh) : version.header
  const extra = isV4 ? 0 : FRAGMENT_HEADER
  const payload = frame.subarray(nh + header)
  const room = (mtu - header - extra) & ~7
  const first = isV4 ? ipv4.fragmentOffset(frame, nh) : 0
  const hasMore = isV4 && (ipv4.flags(frame, nh) & ipv4.IP_MF) !== 0
  const pieces: Uint8Array[] = []
  for (let at = 0; at < payload.length; at += room) {
    const data = payload.subarray(at, at + room)
    const piece = new Uint8Array(nh + header + extra + data.length)
    piece.set(frame.subarray(0, nh + header))
    piece.set(data, nh + header + extra)
    const isLast = at + room >= payload.length && !hasMore
    if (isV4) {
      ipv4.setTotalLength(piece, nh, header + data.length)
      put16(piece, nh + 6, ((first + at) >>> 3) | (isLast ? 0 : ipv4.IP_MF))
      version.finish(piece, nh)
    } else {
      const h = nh + header
      piece[h] = ipv6.nextHeader(frame, nh)
      put16(piece, h + 2, at | (isLast ? 0 : MORE6))
      put32(piece, h + 4, id)
      piece[nh + 6] = ipv6.NEXTHDR_FRAGMENT
      ipv6.setPayloadLength(piece, nh, FRAGMENT_HEADER + data.length)
    }
    pieces.push(piece)
  }
  return pieces
}

interface Piece {
  readonly offset: number
  readonly data: Uint8Array
}

interface Partial {
  readonly until: number
  readonly pieces: Piece[]
  /** The header of the first fragment, with its Ethernet header. */
  head: Uint8Array | undefined
  protocol: number
  /** Length of the whole payload, once the last fragment has arrived. */
  total: number
}

export class Reassembly {
  readonly #clock: Clock
  readonly #whole: (frame: Uint8Array) => void
  readonly #partial = new Map<string, Partial>()
  readonly #alarm: Alarm

  /** `whole` takes over frames with reassembled packets. */
  constructor(clock: Clock, whole: (frame: Uint8Array) => void) {
    this.#clock = clock
    this.#whole = whole
    this.#alarm = clock.alarm(() => this.#expire())
  }

  /** Takes over a frame with a fragment. */
  add(frame: Uint8Array): void {
    const nh = ETH_HLEN
    const isV4 = (frame[nh] as number) >>> 4 === 4
    const found = isV4 ? fragment4(frame, nh) : fragment6(frame, nh)
    if (found === undefined || found.offset + found.data.length > 0xffff) return
    const { key, offset, isLast, data } = found
    const now = this.#clock.now()
    let partial = this.#partial.get(key)
    if (partial === undefined) {
      if (this.#partial.size >= MAX_PACKETS) return
      partial = { until: now + (isV4 ? TIME : TIME6), pieces: [], head: undefined, protocol: found.protocol, total: -1 }
      this.#partial.set(key, partial)
      if (this.#partial.size === 1) this.#alarm.at(partial.until)
    }
    // Overlapping fragments end the packet (RFC 5722, and Linux for IPv4 too); repeats do not.
    const end = offset + data.length
    if (partial.pieces.some(each => each.offset === offset && each.data.length === data.length)) return
    if (partial.pieces.some(each => offset < each.offset + each.data.length && each.offset < end)) {
      this.#partial.delete(key)
      return
    }
    partial.pieces.push({ offset, data })
    if (isLast) partial.total = end
    if (offset === 0) partial.head = frame.subarray(0, nh + found.header)
    this.#complete(key, partial, isV4)
  }

  close(): void {
    this.#alarm.cancel()
    this.#partial.clear()
  }

  #complete(key: string, { pieces, head, total, protocol }: Partial, isV4: boolean): void {
    const have = pieces.reduce((sum, { data }) => sum + data.length, 0)
    if (head === undefined || total < 0 || have !== total) return
    this.#partial.delete(key)
    const frame = new Uint8Array(head.length + total)
    frame.set(head)
    for (const { offset, data } of pieces) frame.set(data, head.length + offset)
    if (isV4) {
      put16(frame, ETH_HLEN + 6, 0)
      ipv4.setTotalLength(frame, ETH_HLEN, head.length - ETH_HLEN + total)
    } else {
      frame[ETH_HLEN + 6] = protocol
      ipv6.setPayloadLength(frame, ETH_HLEN, total)
    }
    this.#whole(frame)
  }

  #expire(): void {
    const now = this.#clock.now()
    for (const [key, { until }] of [...this.#partial]) {
      if (until > now) {
        this.#alarm.at(until)
        return
      }
      this.#partial.delete(key)
    }
  }
}

interface Fragment extends Piece {
  readonly key: string
  readonly isLast: boolean
  readonly protocol: number
  /** Length of the header that the whole packet keeps. */
  readonly header: number
}

function fragment4(frame: Uint8Array, nh: number): Fragment | undefined {
  const header = ipv4.headerLength(frame, nh)
  const data = frame.subarray(nh + header, nh + ipv4.totalLength(frame, nh))
  const isLast = (ipv4.flags(frame, nh) & ipv4.IP_MF) === 0
  if (!isLast && data.length % 8 !== 0) return undefined
  const key = `4${keyOf(frame, nh + 12, 8)}${ipv4.protocol(frame, nh)}.${ipv4.identification(frame, nh)}`
  return { key, offset: ipv4.fragmentOffset(frame, nh), isLast, data, header, protocol: ipv4.protocol(frame, nh) }
}

/** Only a fragment header right after the fixed one is understood, as hosts send it. */
function fragment6(frame: Uint8Array, nh: number): Fragment | undefined {
  const h = nh + ipv6.IPV6_HLEN
  if (ipv6.nextHeader(frame, nh) !== ipv6.NEXTHDR_FRAGMENT || frame.length < h + FRAGMENT_HEADER) return undefined
  const field = get16(frame, h + 2)
  const data = frame.subarray(h + FRAGMENT_HEADER, h + ipv6.payloadLength(frame, nh))
  const isLast = (field & MORE6) === 0
  if (!isLast && data.length % 8 !== 0) return undefined
  const key = `6${keyOf(frame, nh + 8, 32)}${keyOf(frame, h + 4, 4)}`
  return { key, offset: field & 0xfff8, isLast, data, header: ipv6.IPV6_HLEN, protocol: frame[h] as number }
}
