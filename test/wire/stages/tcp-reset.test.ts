import { describe, expect, test } from 'vitest'
import { fault } from '#src/wire/stages/fault.ts'
import { ChecksumVerifier, ethernet, putWord, word } from '#support/frames.ts'
import { type ReceivedPacket, testWires } from '#support/wire.ts'

const testWire = testWires()
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16]

interface Segment {
  readonly flags: number
  readonly seq: number
  readonly ack?: number
  readonly data?: number
  readonly options?: number
}

/** The TCP segment from port 40000 to port 80. */
function segment({ flags, seq, ack = 0, data = 0, options = 0 }: Segment): Uint8Array {
  const bytes = new Uint8Array(20 + options + data)
  putWord(bytes, 0, 40000)
  putWord(bytes, 2, 80)
  put32(bytes, 4, seq)
  put32(bytes, 8, ack)
  bytes[12] = (20 + options) << 2
  bytes[13] = flags
  return bytes
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  putWord(bytes, at, Math.floor(value / 65536) % 65536)
  putWord(bytes, at + 2, value % 65536)
}

function ipv4(payload: Uint8Array, options = 0): Uint8Array {
  const header = new Uint8Array(20 + options).fill(1)
  header.set([0x45 + options / 4, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2])
  putWord(header, 2, header.length + payload.length)
  return ethernet(0x0800, [...header, ...payload])
}

function ipv6(payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(40)
  header.set([0x60, 0, 0, 0, 0, 0, 6, 64])
  putWord(header, 4, payload.length)
  header.set([0x20, 1, 0xd, 0xb8], 8)
  header.set([0x20, 1, 0xd, 0xb8], 24)
  header[23] = 1
  header[39] = 2
  return ethernet(0x86dd, [...header, ...payload])
}

function tagged(frame: Uint8Array): Uint8Array {
  return Uint8Array.from([...frame.slice(0, 12), 0x81, 0, 0, 5, ...frame.slice(12)])
}

/** Returns the packets that a reset of `frame` sends on and back, after their sums are verified. */
function resets(frame: Uint8Array) {
  const wire = testWire([fault('reset', undefined, { every: 1 })])
  wire.sendFrame(frame)
  const verifier = new ChecksumVerifier()
  for (const { bytes } of [...wire.received, ...wire.replied]) {
    verifier.verify({ octets: bytes, flags: 0, csumStart: 0, csumOffset: 0 } as Parameters<
      typeof verifier.verify
    >[0])
  }
  expect(verifier.problems).toEqual([])
  expect(verifier.verified[6] ?? 0).toBe(wire.received.length + wire.replied.length)
  return { forward: wire.received.map(tcpOf), back: wire.replied.map(tcpOf), wire }
}

/** The fields of a segment without IP and TCP options. */
function tcpOf({ bytes }: ReceivedPacket) {
  const at = bytes.length - 20
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  return {
    ports: [word(bytes, at), word(bytes, at + 2)],
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: bytes[at + 13],
  }
}

describe('a reset', () => {
  test('a reset goes to both ends of the connection, and the segment is dropped', () => {
    const { forward, back, wire } = resets(
      ipv4(segment({ flags: ACK, seq: 1000, ack: 77, data: 100, options: 12 }), 8),
    )
    expect(forward).toEqual([{ ports: [40000, 80], seq: 1000, ack: 77, flags: RST | ACK }])
    expect(back).toEqual([{ ports: [80, 40000], seq: 77, ack: 0, flags: RST }])
    expect(wire.drops).toEqual({ reset: 1 })
  })

  test('each reset has the addresses of its direction', () => {
    const { wire } = resets(ipv4(segment({ flags: ACK, seq: 1 })))
    const sent = ipv4(segment({ flags: ACK, seq: 1 }))
    const [forward, back] = [wire.received[0]?.bytes, wire.replied[0]?.bytes]
    expect(forward?.slice(0, 12)).toEqual(sent.slice(0, 12))
    expect(back?.slice(0, 12)).toEqual(Uint8Array.from([...sent.slice(6, 12), ...sent.slice(0, 6)]))
    expect([...(forward?.slice(26, 34) ?? [])]).toEqual([192, 0, 2, 1, 192, 0, 2, 2])
    expect([...(back?.slice(26, 34) ?? [])]).toEqual([192, 0, 2, 2, 192, 0, 2, 1])
  })

  test('the reset of a SYN acknowledges it, so that the connecting end gives up', () => {
    const { back } = resets(ipv4(segment({ flags: SYN, seq: 0xffffffff })))
    expect(back).toEqual([{ ports: [80, 40000], seq: 0, ack: 0, flags: RST | ACK }])
  })

  test('the reset of a segment without an acknowledgment counts its data and FIN', () => {
    const { back } = resets(ipv4(segment({ flags: FIN, seq: 5, data: 10 })))
    expect(back).toEqual([{ ports: [80, 40000], seq: 0, ack: 16, flags: RST | ACK }])
  })

  test('a segment that is itself a reset causes one to its receiver only', () => {
    const { forward, back } = resets(ipv4(segment({ flags: RST, seq: 9 })))
    expect(forward).toEqual([{ ports: [40000, 80], seq: 9, ack: 0, flags: RST }])
    expect(back).toEqual([])
  })

  test('a reset is IPv6 and has the VLAN tag if the segment does', () => {
    const { forward, back, wire } = resets(tagged(ipv6(segment({ flags: ACK, seq: 3, ack: 4 }))))
    expect([forward[0]?.seq, back[0]?.seq]).toEqual([3, 4])
    expect([...(wire.replied[0]?.bytes.slice(12, 18) ?? [])]).toEqual([0x81, 0, 0, 5, 0x86, 0xdd])
  })
})

test('a packet that is not a whole TCP segment is neither reset nor counted', () => {
  const wire = testWire([fault('reset', undefined, { first: 1 })])
  const udp = ipv4(segment({ flags: ACK, seq: 1 }))
  udp[23] = 17
  const fragment = ipv4(segment({ flags: ACK, seq: 1 }))
  fragment[20] = 0x20
  const short = ipv4(new Uint8Array(19))
  for (const frame of [udp, fragment, short]) {
    wire.sendFrame(frame)
  }
  expect([wire.received.length, wire.replied.length]).toEqual([3, 0])
  wire.sendFrame(ipv4(segment({ flags: ACK, seq: 1 })))
  expect([wire.received.length, wire.replied.length]).toEqual([4, 1])
})
