/**
 * Writes classic pcap (draft-ietf-opsawg-pcap), little endian, with timestamps in nanoseconds. Each
 * function writes at `at` in `to` and returns the index after its bytes, or throws a RangeError if
 * they do not fit.
 */
import { putLe16, putLe32 } from './block.ts'
import { type CapturedPacket, LINKTYPE_ETHERNET } from './packet.ts'
import { FILE_HEADER, NANOSECONDS_MAGIC, RECORD_HEADER } from './pcap.ts'

/** The snaplen of libpcap for no limit; pcap has no number that means it. */
const NO_LIMIT = 262_144
const MAX_SECONDS = 0xffff_ffff

/** Writes the file header. All packets of the file are of one link type. */
export function writePcapHeader(to: Uint8Array, at: number, linkType = LINKTYPE_ETHERNET, snaplen = NO_LIMIT): number {
  requireRoom(to, at, FILE_HEADER)
  let end = putLe32(to, at, NANOSECONDS_MAGIC)
  end = putLe16(to, putLe16(to, end, 2), 4)
  end = putLe32(to, putLe32(to, end, 0), 0)
  return putLe32(to, putLe32(to, end, snaplen), linkType)
}

/** Writes a packet, without its options. */
export function writePcapPacket(to: Uint8Array, at: number, packet: CapturedPacket): number {
  const { seconds, capturedLength } = packet
  requireRoom(to, at, RECORD_HEADER + capturedLength)
  if (!(seconds >= 0 && seconds <= MAX_SECONDS)) {
    throw new RangeError(`a timestamp of ${seconds} seconds: pcap holds 0 to ${MAX_SECONDS}`)
  }
  let end = putLe32(to, putLe32(to, at, seconds), packet.nanoseconds)
  end = putLe32(to, putLe32(to, end, capturedLength), packet.originalLength)
  to.set(packet.bytes.subarray(packet.at, packet.at + capturedLength), end)
  return end + capturedLength
}

function requireRoom(to: Uint8Array, at: number, length: number): void {
  if (at + length > to.length) throw new RangeError(`${length} bytes where ${to.length - at} are left`)
}
