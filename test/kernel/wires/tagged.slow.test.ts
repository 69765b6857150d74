/**
 * GSO frames with VLAN tags on wires: they are cut into tagged packets before the first stage that
 * needs packets, each of which is damaged by itself and arrives as it is. Packet sockets send and
 * receive them: no VLAN interface is needed. The kernel hands them over without the outermost tag,
 * which a capture shows.
 */
import { describe, expect, test } from 'vitest'
import {
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
} from '#src/linux/uapi.ts'
import { captureFrames } from '#support/capture.ts'
import { verifyAll } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type HostFrame, PacketSocket } from '#support/packet-socket.ts'
import { startVnet, stopConserved } from '#support/vnet-process.ts'
import { address, buildFrame, plain } from '../../packet/frames.ts'

/** Packets of a frame, and the bytes of each. */
const COUNT = 5
const SEGMENT = 1000

const VLAN = { type: 0x8100, tci: 100 }
const SERVICE = { type: 0x88a8, tci: 200 }

const { near, far } = freshQuietNamespaces('near', 'far')

/** A frame of five packets with their numbers as bytes, and the length of its headers in bytes. */
function gsoFrame(isIpv6: boolean, tags: readonly (typeof VLAN)[]) {
  const [source, destination] = (
    isIpv6 ? ['2001:db8:0:0:0:0:0:1', '2001:db8:0:0:0:0:0:2'] : ['192.0.2.1', '192.0.2.2']
  ).map(address)
  const payload = Array.from({ length: COUNT * SEGMENT }, (_, i) => Math.floor(i / SEGMENT))
  const packet = {
    ...plain,
    ...({ source: source!, destination: destination!, kind: 'tcp', flags: 0x10 } as const),
  }
  const frame = buildFrame({
    packet: { ...packet, payload, checksum: 'partial' },
    tags: [...tags],
    padding: [],
  })
  const csumStart = 14 + 4 * tags.length + (isIpv6 ? 40 : 20)
  const header = {
    flags: VIRTIO_NET_HDR_F_NEEDS_CSUM,
    csumStart,
    csumOffset: 16,
    gsoSize: SEGMENT,
    gsoType: isIpv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
  }
  return { frame, header, headers: csumStart + 20 }
}

describe.each([
  ['IPv4 in a VLAN', false, [VLAN]],
  ['IPv6 in QinQ', true, [SERVICE, VLAN]],
] as const)('%s', (_, isIpv6, tags) => {
  /** Sends the frame through a wire, and returns what arrives until a last frame. */
  async function through(words: string): Promise<{ received: HostFrame[]; headers: number }> {
    const vnet = await startVnet([
      'cable',
      `${near.name}/left`,
      `${far.name}/right`,
      '--json',
      '--wire-ab',
      words,
    ])
    using from = new PacketSocket(near, 'left', { vnetHdr: true })
    using at = new PacketSocket(far, 'right', { vnetHdr: true })
    const { frame, header } = gsoFrame(isIpv6, tags)
    from.send(frame, header)
    // All packets arrive together.
    await at.until(({ octets }) => octets.length > 200)
    await stopConserved(vnet)
    at.close()
    return { received: at.frames, headers: gsoFrame(isIpv6, tags.slice(1)).headers }
  }

  test('a delay passes the frame whole', async () => {
    const { received } = await through('delay 1ms')
    const { frame, header } = gsoFrame(isIpv6, tags.slice(1))
    expect(received).toEqual([{ octets: frame, ...header }])
  })

  test('a stage of packets has the frame cut into tagged packets with right checksums', async () => {
    const { received, headers } = await through('loss 0%')
    expect(received.map(({ octets, gsoType }) => [octets.length, gsoType])).toEqual(
      new Array(COUNT).fill([headers + SEGMENT, 0]),
    )
    const { problems, verified } = verifyAll(received)
    expect([problems, verified[6]]).toEqual([[], COUNT])
    expect(received.map(({ octets }) => new Set(octets.subarray(headers)))).toEqual(
      [0, 1, 2, 3, 4].map(n => new Set([n])),
    )
  })

  test('the packets of a frame that is cut have its tags', async () => {
    const vnet = await startVnet([
      'cable',
      `${near.name}/left`,
      `${far.name}/right`,
      '--json',
      '--wire-ab',
      'loss 0%',
    ])
    using from = new PacketSocket(near, 'left', { vnetHdr: true })
    const capture = await captureFrames(far, 'right')
    const { frame, header } = gsoFrame(isIpv6, tags)
    from.send(frame, header)
    const beginning = frame.slice(0, 16 + 4 * tags.length)
    expect((await capture.count(COUNT)).map(octets => octets.slice(0, beginning.length))).toEqual(
      new Array(COUNT).fill(beginning),
    )
    await capture.stop()
    await stopConserved(vnet)
  })

  test('each packet is lost by itself', async () => {
    const { received, headers } = await through('loss every 2')
    expect(received.map(({ octets }) => octets[headers])).toEqual([0, 2, 4])
    expect(verifyAll(received).problems).toEqual([])
  })

  test('each corrupted packet has one wrong byte and a wrong checksum that is not partial', async () => {
    const { received, headers } = await through('corrupt 100% at 200')
    expect(received.map(({ octets, flags }) => [octets[195], octets[196], flags])).toEqual(
      [0, 1, 2, 3, 4].map(n => [n, n ^ 0xff, 0]),
    )
    expect(received.every(({ octets }) => octets.length === headers + SEGMENT)).toBe(true)
    expect(verifyAll(received).problems).toHaveLength(COUNT)
    // It is the byte that is wrong: the partial checksum was completed before.
    for (const { octets } of received) {
      octets[196]! ^= 0xff
    }
    expect(verifyAll(received).problems).toEqual([])
  })

  test('each packet is duplicated, with a right checksum', async () => {
    const { received, headers } = await through('duplicate 100%')
    expect(received.map(({ octets }) => octets[headers])).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    expect(verifyAll(received).problems).toEqual([])
  })

  test('each packet is cut off where `truncate` says', async () => {
    const { received } = await through('truncate 300')
    expect(received.map(({ octets, flags }) => [octets.length, flags])).toEqual(
      new Array(COUNT).fill([296, 0]),
    )
  })
})
