/**
 * Checksums of the frames that snull hands to the kernel: with offloads off every one is right,
 * with offloads on every partial one completes to a right one. A mere transfer would not notice,
 * because a kernel that receives a partial checksum never completes it.
 */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { VIRTIO_NET_HDR_F_NEEDS_CSUM } from '#src/linux/uapi.ts'
import { captureLines } from '#support/capture.ts'
import { ethernet, ones, putWord, verifyAll } from '#support/frames.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { type HostFrame, PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import { tcpExchange, udpSocket } from '#support/sockets.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

const HALF_MIB = 1 << 19
/** Protocols with verified checksums: ICMP, IPv4 headers, TCP, UDP, ICMPv6. */
const PROTOCOLS = ['1', '4', '6', '17', '58']

const { netns } = freshNamespaces('netns')

const start = (...args: string[]) =>
  startVnet(['snull', '--ipv6', '--netns', netns.name, '--json', ...args])

/**
 * Every kind of traffic through both interfaces: pings whole and in fragments, TCP, UDP of odd and
 * even sizes, an error.
 */
async function traffic(): Promise<void> {
  for (const remote of ['198.18.0.2', '198.18.1.1', '2001:db8::2', '2001:db8:0:1::1']) {
    for (const size of [33, 8001]) {
      const { status } = await netns.run(`ping -c 1 -W 30 -s ${size} ${remote}`)
      expect(status).toBe(0)
    }
  }
  for (const [here, there, reached] of [
    ['198.18.0.1', '198.18.1.2', '198.18.0.2'],
    ['2001:db8::1', '2001:db8:0:1::2', '2001:db8::2'],
  ] as const) {
    const near = { netns, address: here, reachedAt: '' }
    const { sent, received } = await tcpExchange(
      near,
      { netns, address: there, reachedAt: reached },
      HALF_MIB,
    )
    expect(received).toEqual(sent)
    const [client, server] = await Promise.all([
      udpSocket(netns, here, 0),
      udpSocket(netns, there, 7000),
    ])
    server.on('message', (message, { address, port }) => server.send(message, port, address))
    for (const size of [0, 1, 512, 1401, 4001]) {
      client.send(Buffer.alloc(size, 0xa5), 7000, reached)
      await once(client, 'message')
    }
    server.close()
    client.connect(9, reached)
    await once(client, 'connect')
    client.send('anyone?')
    const [{ code }] = await once(client, 'error')
    expect(code).toBe('ECONNREFUSED')
    client.close()
  }
}

/** Captures the frames that both sides receive, with the vnet headers of the kernel. */
async function received(of: () => Promise<void>): Promise<{ sn0: HostFrame[]; sn1: HostFrame[] }> {
  using sn0 = new PacketSocket(netns, 'sn0', { vnetHdr: true })
  using sn1 = new PacketSocket(netns, 'sn1', { vnetHdr: true })
  await of()
  for (const socket of [sn0, sn1]) {
    socket.close()
  }
  return { sn0: sn0.frames, sn1: sn1.frames }
}

function expectAllRight(frames: readonly HostFrame[]): ReturnType<typeof verifyAll> {
  const verifier = verifyAll(frames)
  expect(verifier.problems).toEqual([])
  expect(verifier.incomplete).toBe(0)
  expect(Object.keys(verifier.verified)).toEqual(PROTOCOLS)
  return verifier
}

const onOff = (on: boolean) => (on ? 'on' : 'off')

describe.each([true, false])('ethtool: offloads of sn0 %j', sn0 => {
  test.each(
    firstOf(2, [
      [true, []],
      [true, ['--use-napi']],
      [false, []],
      [false, ['--use-napi']],
    ]),
  )(
    'with offloads of sn1 %j and %j, every checksum is right once partial ones are completed',
    async (sn1, completion) => {
      const vnet = await start(...completion)
      for (const [name, on] of Object.entries({ sn0, sn1 })) {
        netns.exec(`ethtool -K ${name} tx ${onOff(on)} tso ${onOff(on)} gso ${onOff(on)}`)
      }
      const frames = await received(traffic)
      // A partial checksum of sn0 arrives partial on sn1, and vice versa.
      expect(expectAllRight(frames.sn1).partial > 0).toBe(sn0)
      expect(expectAllRight(frames.sn0).partial > 0).toBe(sn1)
      expect(frames.sn1.some(({ gsoSize }) => gsoSize > 0)).toBe(sn0)
      expect(frames.sn0.some(({ gsoSize }) => gsoSize > 0)).toBe(sn1)
      await stopConserved(vnet)
    },
  )
})

test('with --no-offload every checksum is complete and right, and tcpdump agrees', async () => {
  const vnet = await start('--no-offload')
  // tcpdump sizes its ring for the longest frame.
  const options = '-s 2048 -vv ip or ip6'
  const dumps = await Promise.all(['sn0', 'sn1'].map(name => captureLines(netns, name, options)))
  const frames = await received(traffic)
  for (const each of [frames.sn0, frames.sn1]) {
    expect(expectAllRight(each).partial).toBe(0)
    expect(Math.max(...each.map(({ octets }) => octets.length))).toBe(1514)
  }
  // A tcpdump that is stopped while it prints reports lost frames, so this frame is the last one.
  await netns.run('ping -c 1 -s 333 198.18.0.2')
  for (const dump of dumps) {
    await dump.until(line => /ICMP echo reply, .* length 341/.test(line))
    const lines = await dump.stop()
    expect(lines.filter(line => /cksum 0x[0-9a-f]+ \(correct\)/.test(line)).length).toBeGreaterThan(
      0,
    )
    expect(lines.filter(line => /\bbad\b|incorrect|wrong/.test(line))).toEqual([])
  }
  await stopConserved(vnet)
})

test.each(firstOf(1, BOTH_WAYS))(
  '%s echo replies and advertisements of the far network have right checksums',
  async (_, offload) => {
    const vnet = await start('--arp', ...offload)
    const frames = await received(async () => {
      for (const [i, host] of [
        '198.18.0.77',
        '198.18.1.77',
        '2001:db8::77',
        '2001:db8:0:1::77',
      ].entries()) {
        for (const size of [0, 33, 1400 + i, 8001]) {
          expect((await netns.run(`ping -c 1 -W 30 -s ${size} ${host}`)).status).toBe(0)
        }
      }
    })
    for (const side of [frames.sn0, frames.sn1]) {
      const { problems, incomplete, verified } = verifyAll(side)
      expect([problems, incomplete]).toEqual([[], 0])
      // From one host of each family: four replies, one of them in six fragments, and an
      // advertisement.
      expect(verified).toMatchObject({ 1: 4, 4: 9 })
      expect(verified[58]).toBeGreaterThanOrEqual(5)
    }
    await stopConserved(vnet)
  },
)

describe('a partial checksum made by hand', () => {
  const IP = 14
  const UDP = IP + 20

  /**
   * A UDP datagram from sn0's address to its remote, with the sum of the pseudo-header plus `error`
   * in its checksum field.
   */
  function datagram(error: number): Uint8Array {
    const payload = [1, 2, 3]
    const addresses = [198, 18, 0, 1, 198, 18, 0, 2]
    const length = [0, 8 + payload.length]
    const ip = Uint8Array.from([
      0x45,
      0,
      0,
      28 + payload.length,
      0,
      1,
      0x40,
      0,
      64,
      17,
      0,
      0,
      ...addresses,
    ])
    putWord(ip, 10, 0xffff - ones(ip))
    const udp = [0x30, 0x39, 0, 9, ...length, 0, 0, ...payload]
    const frame = ethernet(0x0800, [...ip, ...udp])
    putWord(frame, UDP + 6, ones(Uint8Array.from([...addresses, 0, 17, ...length])) + error)
    return frame
  }

  /** Receives the datagram on sn1, and verifies it. */
  async function passed(error: number) {
    using sender = new PacketSocket(netns, 'sn0', { vnetHdr: true })
    using receiver = new PacketSocket(netns, 'sn1', { vnetHdr: true })
    sender.send(datagram(error), {
      flags: VIRTIO_NET_HDR_F_NEEDS_CSUM,
      csumStart: UDP,
      csumOffset: 6,
    })
    const frame = await receiver.until(({ octets }) => octets[IP + 9] === 17)
    expect(frame).toMatchObject({
      flags: VIRTIO_NET_HDR_F_NEEDS_CSUM,
      csumStart: UDP,
      csumOffset: 6,
    })
    return verifyAll([frame])
  }

  test('a partial checksum made by hand is right if the sum of the pseudo-header is, and wrong otherwise', async () => {
    const vnet = await start()
    expect(await passed(0)).toMatchObject({ problems: [], partial: 1, verified: { 4: 1, 17: 1 } })
    const wrong = await passed(1)
    expect(wrong).toMatchObject({ problems: [expect.stringMatching(/^protocol 17: /)], partial: 1 })
    await stopConserved(vnet)
  })

  test('a partial checksum made by hand arrives completed when offloads are off', async () => {
    const vnet = await startVnet([
      'snull',
      '--ipv6',
      '--netns',
      netns.name,
      '--json',
      '--no-offload',
    ])
    using sender = new PacketSocket(netns, 'sn0', { vnetHdr: true })
    using receiver = new PacketSocket(netns, 'sn1', { vnetHdr: true })
    sender.send(datagram(0), { flags: VIRTIO_NET_HDR_F_NEEDS_CSUM, csumStart: UDP, csumOffset: 6 })
    const frame = await receiver.until(({ octets }) => octets[IP + 9] === 17)
    expect(frame.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM).toBe(0)
    expect(verifyAll([frame])).toMatchObject({
      problems: [],
      partial: 0,
      verified: { 4: 1, 17: 1 },
    })
    await stopConserved(vnet)
  })
})
