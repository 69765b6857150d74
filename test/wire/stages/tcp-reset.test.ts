import { describe, expect, test } from 'vitest'
import { fault } from '#src/wire/stages/fault.ts'
import { word } from '#support/frames.ts'
import {
  ACK,
  expectRightSums,
  FIN,
  ipv4,
  ipv6,
  RST,
  SYN,
  segment,
  tagged,
} from '#support/segments.ts'
import { type ReceivedPacket, testWires } from '#support/wire.ts'

const testWire = testWires()

/** Returns the packets that a reset of `frame` sends on and back, after their sums are verified. */
function resets(frame: Uint8Array) {
  const wire = testWire([fault('reset', undefined, { every: 1 })])
  wire.sendFrame(frame)
  expectRightSums([...wire.received, ...wire.replied])
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
