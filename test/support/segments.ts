/** TCP segments in Ethernet frames, and their fields. */
import { expect } from 'vitest'
import { ChecksumVerifier, ethernet, putWord, word } from './frames.ts'

export const [FIN, SYN, RST, PSH, ACK] = [1, 2, 4, 8, 16]

export interface Segment {
  readonly flags: number
  readonly seq: number
  readonly ack?: number
  /** The payload, or how many bytes of zeros it has. */
  readonly data?: number | Uint8Array
  readonly options?: number
  /** From port 40000 to port 80; true for the other direction. */
  readonly isReply?: boolean
}

/** Returns the TCP segment between port 40000 and port 80, without a checksum. */
export function segment({ flags, seq, ack = 0, data = 0, options = 0, isReply }: Segment) {
  const payload = typeof data === 'number' ? new Uint8Array(data) : data
  const bytes = new Uint8Array(20 + options + payload.length)
  putWord(bytes, 0, isReply ? 80 : 40000)
  putWord(bytes, 2, isReply ? 40000 : 80)
  put32(bytes, 4, seq)
  put32(bytes, 8, ack)
  bytes[12] = (20 + options) << 2
  bytes[13] = flags
  bytes.set(payload, 20 + options)
  return bytes
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  putWord(bytes, at, Math.floor(value / 65536) % 65536)
  putWord(bytes, at + 2, value % 65536)
}

/** Returns a frame from 192.0.2.1 to 192.0.2.2, or back if its payload is from port 80. */
export function ipv4(payload: Uint8Array, options = 0): Uint8Array {
  const header = new Uint8Array(20 + options).fill(1)
  header.set([0x45 + options / 4, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2])
  putWord(header, 2, header.length + payload.length)
  if (word(payload, 0) === 80) {
    header[15] = 2
    header[19] = 1
  }
  return ethernet(0x0800, [...header, ...payload])
}

export function ipv6(payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(40)
  header.set([0x60, 0, 0, 0, 0, 0, 6, 64])
  putWord(header, 4, payload.length)
  header.set([0x20, 1, 0xd, 0xb8], 8)
  header.set([0x20, 1, 0xd, 0xb8], 24)
  const isReply = word(payload, 0) === 80
  header[23] = isReply ? 2 : 1
  header[39] = isReply ? 1 : 2
  return ethernet(0x86dd, [...header, ...payload])
}

export function tagged(frame: Uint8Array): Uint8Array {
  return Uint8Array.from([...frame.slice(0, 12), 0x81, 0, 0, 5, ...frame.slice(12)])
}

/** Expects that these frames are TCP segments with right checksums. */
export function expectRightSums(frames: readonly { readonly bytes: Uint8Array }[]): void {
  const verifier = new ChecksumVerifier()
  for (const { bytes } of frames) {
    verifier.verify({ octets: bytes, flags: 0, csumStart: 0, csumOffset: 0 } as Parameters<
      typeof verifier.verify
    >[0])
  }
  expect(verifier.problems).toEqual([])
  expect(verifier.verified[6] ?? 0).toBe(frames.length)
}
