/** Frames that a packet socket reads with the size of their segments. */

import { Header } from '@vnet/inet/kit'
import { expect, test } from 'vitest'
import {
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_LEN,
} from '#src/linux/uapi.ts'
import { parseAddress } from '#src/packet/address.ts'
import { concat, get16, put16 } from '#src/packet/octets.ts'
import { segmentOf, tcpFrame, wrongChecksum } from '../src/frames.ts'
import { pattern } from '../src/layers.ts'
import { Segments } from '../src/segments.ts'

const station = (n: number) => ({
  mac: Uint8Array.of(2, 0, 0, 0, 0, n),
  ip: parseAddress(`192.0.2.${n}`),
  ip6: parseAddress(`2001:db8::${n}`),
})

/** Returns a segment of `length` bytes as a packet socket reads it, with its size in the header. */
function read(family: 4 | 6, length: number, size: number): Uint8Array {
  const header = new Header()
  header.reset(7, 40_001)
  Object.assign(header, { flags: 0x19, sequence: 1000, acknowledgment: 1 })
  const bytes = header.build(length)
  bytes.set(pattern([0, length]), bytes.length - length)
  const context = {
    stations: { host: station(1), peer: station(2) },
    port: 0,
    sent: new Uint8Array(0),
  }
  const frame = tcpFrame(context, family, bytes)
  const vnet = new Uint8Array(VIRTIO_NET_HDR_LEN)
  if (size > 0) {
    vnet[1] = family === 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6
  }
  new DataView(vnet.buffer).setUint16(4, size, true)
  return concat([vnet, frame])
}

test.each([
  [4, 1000, 200, 5],
  [4, 1001, 200, 6],
  [4, 60_000, 1460, 42],
  [6, 9000, 1440, 7],
  [6, 20_000, 8940, 3],
] as const)('IPv%d: %d bytes in segments of %d are %d frames', (family, length, size, count) => {
  const segments = new Segments()
  const bytes = read(family, length, size)
  for (let again = 0; again < 100; again++) {
    const frames = segments.cut(bytes).map(({ frame }) => frame)
    expect(frames).toHaveLength(count)
    if (again > 0) continue
    const parts = frames.map(frame => segmentOf(frame))
    expect(parts.map(part => part?.sequence)).toEqual(frames.map((_, i) => 1000 + i * size))
    expect(
      concat(
        parts.map(
          part => part?.bytes.subarray(part.at, part.at + part.length) ?? new Uint8Array(0),
        ),
      ),
    ).toEqual(pattern([0, length]))
    expect(parts.filter(part => part?.isFin)).toEqual([parts.at(-1)])
    for (const frame of frames) {
      expect(wrongChecksum({ frame, at: 0 })).toBe(undefined)
    }
  }
})

test('a frame without a segment size, and one with a wrong one, are not cut', () => {
  const segments = new Segments()
  for (const size of [0, 200]) {
    const bytes = read(4, 1000, size)
    // Not TCP: no size fits.
    if (size > 0) {
      bytes[VIRTIO_NET_HDR_LEN + 14 + 9] = 1
    }
    const [only, ...others] = segments.cut(bytes)
    expect(only?.frame).toEqual(bytes.slice(VIRTIO_NET_HDR_LEN))
    expect(others).toEqual([])
  }
})

test('a wrong checksum of a frame that is not partial is not repaired', () => {
  const bytes = read(4, 1000, 0)
  put16(bytes, bytes.length - 2, 0x1234 ^ get16(bytes, bytes.length - 2))
  const [only] = new Segments().cut(bytes)
  expect(only && wrongChecksum({ ...only, at: 0 })).toBe('the checksum above IP')
})
