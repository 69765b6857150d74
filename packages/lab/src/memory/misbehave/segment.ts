/** TCP segments in Ethernet frames, as a host sends them, to be cut and changed. */
import { fillChecksum, IP4, IP6, type IpVersion, keyOf } from '@vnet/inet/kit'
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethernet, ipv4, ipv6, tcp } from 'vnet'
import { put32, UpperHeader } from 'vnet/kit/packet'

const NOTHING = new Uint8Array(0)

export type Segment = ReturnType<typeof segmentAt>

/** Returns the segment with a TCP header at `h`, as it is now. */
function segmentAt(frame: Uint8Array, version: IpVersion, h: number, end: number) {
  return {
    frame,
    version,
    h,
    flags: tcp.flags(frame, h),
    sequence: tcp.sequenceNumber(frame, h),
    acknowledgment: tcp.acknowledgmentNumber(frame, h),
    /** The window field. */
    window: tcp.window(frame, h),
    data: frame.subarray(h + tcp.dataOffset(frame, h), end),
  }
}

/** Returns undefined for frames with anything else than a whole TCP segment. */
export function segmentOf(frame: Uint8Array): Segment | undefined {
  const type = frame.length < ETH_HLEN ? 0 : ethernet.etherType(frame, 0)
  if (type !== ETH_P_IP && type !== ETH_P_IPV6) return undefined
  const upper = new UpperHeader()
  const version = upper.find(frame, ETH_HLEN, frame.length) === 4 ? IP4 : IP6
  const { h, protocol, isFragment, end } = upper
  const isTcp =
    h >= 0 && protocol === ipv4.IPPROTO_TCP && !isFragment && tcp.parse(frame, h, end - h) >= 0
  return isTcp ? segmentAt(frame, version, h, end) : undefined
}

export const has = (s: Segment, flags: number): boolean => (s.flags & flags) !== 0

/** Returns the sequence number after its data, SYN and FIN. */
export function nextOf(s: Segment): number {
  return (
    (s.sequence + s.data.length + (has(s, tcp.TCP_SYN) ? 1 : 0) + (has(s, tcp.TCP_FIN) ? 1 : 0)) >>>
    0
  )
}

/** Returns keys of the addresses and ports of its sender and its receiver. */
export function endsOf({ frame, version, h }: Segment): [source: string, destination: string] {
  const end = (address: number, port: number) =>
    keyOf(frame, address, version.address) + keyOf(frame, port, 2)
  return [end(version.sourceAt(ETH_HLEN), h), end(version.destinationAt(ETH_HLEN), h + 2)]
}

/** Changes the header of a segment, and returns it with right checksums. */
export function changed(s: Segment, change: (frame: Uint8Array, h: number) => void): Segment {
  const { frame, version, h, data } = s
  const length = tcp.dataOffset(frame, h) + data.length
  change(frame, h)
  fillChecksum(version, ipv4.IPPROTO_TCP, ETH_HLEN, { bytes: frame, at: h, length })
  return segmentAt(frame, version, h, h + length)
}

/** Returns a segment with the headers of another, except for these fields and the data. */
export function like(
  s: Segment,
  sequence: number,
  flags: number,
  data: Uint8Array = NOTHING,
): Segment {
  const { version, h } = s
  const at = h + tcp.dataOffset(s.frame, h)
  const frame = new Uint8Array(at + data.length)
  frame.set(s.frame.subarray(0, at))
  frame.set(data, at)
  if (version === IP4) {
    ipv4.setTotalLength(frame, ETH_HLEN, frame.length - ETH_HLEN)
  } else {
    ipv6.setPayloadLength(frame, ETH_HLEN, frame.length - ETH_HLEN - version.header)
  }
  version.finish(frame, ETH_HLEN)
  put32(frame, h + 4, sequence)
  return changed(segmentAt(frame, version, h, frame.length), () => tcp.setFlags(frame, h, flags))
}

/** Returns a copy with the bytes `from` to `to` of its data; PSH and FIN are of the last bytes. */
export function part(s: Segment, from: number, to: number): Segment {
  const flags = to < s.data.length ? s.flags & ~(tcp.TCP_PSH | tcp.TCP_FIN) : s.flags
  return like(s, s.sequence + from, flags, s.data.subarray(from, to))
}
