/**
 * Sends random frames to the program on real TAPs, by packet sockets with and without vnet headers,
 * so that the segmentation and checksum offload of the kernel also produce malformed frames.
 */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import {
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_GSO_UDP_L4,
} from '#src/linux/uapi.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { fuzzFrames } from '#support/fuzz-frames.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { SEED, scaled } from '#support/scale.ts'
import { pingAll } from '#support/traffic.ts'
import { startVnet, stopConserved } from '#support/vnet-process.ts'

const FRAMES = scaled(50_000)
/** The longest frame that a packet socket sends, less its vnet header. */
const MAX_LENGTH = 65_535
/** The last one is not a valid kind. */
const GSO_TYPE = {
  none: 0,
  tcp4: VIRTIO_NET_HDR_GSO_TCPV4,
  tcp6: VIRTIO_NET_HDR_GSO_TCPV6,
  udp: VIRTIO_NET_HDR_GSO_UDP_L4,
  unknown: 9,
}

const { netns } = freshNamespaces('netns')

/**
 * Sends random frames, with and without a vnet header in turn, until the kernel has accepted
 * enough.
 */
async function fuzz(name: string): Promise<void> {
  using plain = new PacketSocket(netns, name)
  using offloading = new PacketSocket(netns, name, { vnetHdr: true })
  const draw = fuzzFrames(random(SEED), MAX_LENGTH)
  for (let drawn = 0, taken = 0; taken < FRAMES; drawn++) {
    const { bytes, partial, csumStart, csumOffset, gsoSize, gso } = draw()
    const flags = partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0
    const header = { flags, gsoType: GSO_TYPE[gso], gsoSize, csumStart, csumOffset }
    if ((drawn % 2 === 0 ? plain.trySend(bytes) : offloading.trySend(bytes, header)) === 0) {
      taken++
    }
    plain.frames.length = 0
    offloading.frames.length = 0
    // Few enough for the kernel's queue; then the driver runs.
    if (drawn % 64 === 0) {
      await new Promise(setImmediate)
    }
  }
}

test.each([
  ['loop', [], 'vnet0'],
  ['loop', ['--no-offload'], 'vnet0'],
  ['snull', [], 'sn0'],
  ['snull', ['--no-offload'], 'sn1'],
  ['cable', [], 'ca'],
  ['cable', ['--no-offload'], 'cb'],
])(
  '%s %j accounts for every frame on %s, logs nothing, and answers ping afterwards',
  async (command, options, name) => {
    const ends =
      command === 'cable' ? [`${netns.name}/ca`, `${netns.name}/cb`] : ['--netns', netns.name]
    const vnet = await startVnet([command, ...ends, ...options, '--json'])
    const before = vnet.stdout
    await fuzz(name)
    expect(vnet.stdout).toBe(before)
    if (command !== 'cable') {
      await pingAll(netns, '-c 2 -i 0.02 198.18.0.2')
    }
    for (const { name, total, kernel } of Object.values(await stopConserved(vnet))) {
      const ours = [total.txPackets, total.txBytes, total.rxPackets, total.rxBytes]
      expect(ours, name).toEqual([
        kernel?.txPackets,
        kernel?.txBytes,
        kernel?.rxPackets,
        kernel?.rxBytes,
      ])
    }
  },
)
