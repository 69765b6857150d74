/**
 * Offloads of an attached veth: frames in every combination arrive with the right bytes and
 * checksums, whether the wire passes them whole or cuts them, and none is lost uncounted.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4 } from '#src/linux/uapi.ts'
import { attach, type Cable } from '#src/wire.ts'
import { expectConserved, makeVeth, NEVER_OPEN } from '#support/attach.ts'
import { captureFrames } from '#support/capture.ts'
import { verifyAll } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { pairwise, setOffloads, txAndTso } from '#support/offloads.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import { tcpExchange } from '#support/sockets.ts'
import { openDatagrams } from '#support/verified-streams.ts'
import { address, buildFrame, plain } from '../../packet/frames.ts'

const MIB = 1 << 20
const SEGMENT = 1400

const { near, far } = freshQuietNamespaces('near', 'far')
const client = { netns: near, address: '192.0.2.1', reachedAt: '192.0.2.1' }
const server = { netns: far, address: '192.0.2.2', reachedAt: '192.0.2.2' }
let link: Cable | undefined

beforeEach(() => {
  link = undefined
  makeVeth(near, far)
})
afterEach(() => link?.close())

async function join(spec: string): Promise<Cable> {
  link = await attach('inner', { netns: near.name, in: spec, out: spec, seed: 7, ...NEVER_OPEN })
  return link
}

describe.each(['delay 1ms', 'loss 0%'])('through `%s`', spec => {
  test('TCP and datagrams transfer the right bytes in every combination of offloads of both ends', async () => {
    const attached = await join(spec)
    for (const [inner, outer] of firstOf(3, [...pairwise(), ...txAndTso()])) {
      await Promise.all([setOffloads(near, 'inner', inner), setOffloads(far, 'outer', outer)])
      using outside = new PacketSocket(far, 'outer', { vnetHdr: true })
      const { sent, received } = await tcpExchange(client, server, MIB / 8)
      expect(received).toEqual(sent)
      const datagrams = await openDatagrams(client, server)
      for (const [octets, segment] of [
        [19, 0],
        [9001, 0],
        [3 * SEGMENT + 19, SEGMENT],
      ] as const) {
        const each = {
          datagrams: segment === 0 ? 1 : Math.ceil(octets / segment),
          longest: segment === 0 ? octets : SEGMENT,
          same: true,
        }
        expect(await datagrams.exchange(octets, segment)).toEqual([each, each])
      }
      datagrams.close()
      outside.close()
      const { problems, incomplete, verified } = verifyAll(outside.frames)
      expect([problems, incomplete]).toEqual([[], 0])
      expect(Object.keys(verified)).toEqual(expect.arrayContaining(['6', '17']))
    }
    expectConserved(attached)
  })
})

describe.each([
  ['one VLAN tag', [{ type: 0x8100, tci: 100 }]],
  [
    'two VLAN tags',
    [
      { type: 0x88a8, tci: 200 },
      { type: 0x8100, tci: 100 },
    ],
  ],
] as const)('a GSO frame with %s', (_, tags) => {
  const payload = Array.from({ length: 5000 }, (_, i) => Math.floor(i / 1000))
  const packet = {
    ...plain,
    ...({
      source: address('192.0.2.1'),
      destination: address('192.0.2.2'),
      kind: 'tcp',
      flags: 0x10,
    } as const),
  }
  const frame = buildFrame({
    packet: { ...packet, payload, checksum: 'partial' },
    tags: [...tags],
    padding: [],
  })
  const csumStart = 34 + 4 * tags.length
  const header = {
    flags: VIRTIO_NET_HDR_F_NEEDS_CSUM,
    csumStart,
    csumOffset: 16,
    gsoSize: 1000,
    gsoType: VIRTIO_NET_HDR_GSO_TCPV4,
  }

  test.each([
    ['whole through a delay', 'delay 1ms', 1],
    ['as packets through a loss', 'loss 0%', 5],
  ])('leaves the interface with its tags, %s', async (_, spec, count) => {
    const attached = await join(spec)
    const capture = await captureFrames(far, 'outer')
    using inside = new PacketSocket(near, 'inner', { vnetHdr: true })
    inside.send(frame, header)
    const heads = (await capture.count(count)).map(octets => octets.slice(0, 16 + 4 * tags.length))
    expect(heads).toEqual(new Array(count).fill(frame.slice(0, 16 + 4 * tags.length)))
    await capture.stop()
    expectConserved(attached)
  })

  test('is received with its tags', async () => {
    const attached = await join('delay 1ms')
    using outside = new PacketSocket(far, 'outer', { vnetHdr: true })
    const capture = await captureFrames(near, 'inner')
    outside.send(frame, header)
    // Before the wire, and after it.
    const heads = (await capture.count(2)).map(octets => octets.slice(0, 16 + 4 * tags.length))
    expect(heads).toEqual(new Array(2).fill(frame.slice(0, 16 + 4 * tags.length)))
    await capture.stop()
    expectConserved(attached)
  })
})
