import { expect, test } from 'vitest'
import { fault } from '#src/wire/stages/fault.ts'
import { testWires } from '#support/wire.ts'
import { buildFrame, type Frame, type Packet, plain, plain6 } from '../../packet/frames.ts'

const testWire = testWires()

const framed = (packet: Packet): Frame => ({ packet, tags: [], padding: [] })

/** Sends a packet through a fault that hits the first packet to which it applies. */
function tampered(frame: Uint8Array, csumStart?: number, csumOffset = 6) {
  const wire = testWire([fault('tamper', undefined, { first: 1 })])
  wire.sendFrame(frame, csumStart === undefined ? {} : { csumStart, csumOffset })
  return { bytes: wire.received[0]?.bytes, corrupted: wire.chain.report()[0]?.corrupted }
}

for (const [name, base] of Object.entries({ IPv4: plain, IPv6: plain6 })) {
  for (const kind of ['tcp', 'udp'] as const) {
    for (const length of [1, 2, 5, 1000]) {
      test(`${length} bytes of ${kind} over ${name} have one flipped bit, and the right checksum`, () => {
        const payload = Array.from({ length }, (_, i) => (i * 37) & 0xff)
        const packet = { ...base, kind, payload, checksum: 'full' } as const
        const changed = payload.map((byte, i) => (i === length >> 1 ? byte ^ 1 : byte))
        const { bytes, corrupted } = tampered(buildFrame(framed(packet)))
        expect(bytes).toEqual(buildFrame(framed({ ...packet, payload: changed })))
        expect(corrupted).toBe(1)
      })
    }
  }
}

test('a partial checksum, and the 0 of a UDP packet without one, remain unchanged', () => {
  for (const checksum of ['partial', 'zero'] as const) {
    const packet: Packet = { ...plain, kind: 'udp', payload: [1, 2, 3, 4], checksum }
    const { bytes } = tampered(buildFrame(framed(packet)), checksum === 'partial' ? 34 : undefined)
    expect(bytes).toEqual(buildFrame(framed({ ...packet, payload: [1, 2, 2, 4] })))
  }
})

test('packets without a payload of TCP or UDP, and fragments, are neither changed nor counted', () => {
  const wire = testWire([fault('tamper', undefined, { first: 1 })])
  const payload = new Array(32).fill(7)
  const fragment = { first: true, at: 24 }
  const spared: Packet[] = [
    { ...plain, kind: 'tcp', payload: [] },
    { ...plain, kind: 'icmp', payload },
    { ...plain, kind: 'udp', payload, fragment },
  ]
  for (const packet of spared) {
    wire.sendFrame(buildFrame(framed(packet)))
  }
  expect(wire.received.map(({ bytes }) => bytes)).toEqual(
    spared.map(packet => buildFrame(framed(packet))),
  )
  wire.sendFrame(buildFrame(framed({ ...plain, kind: 'udp', payload })))
  expect(wire.chain.report()[0]?.corrupted).toBe(1)
})
