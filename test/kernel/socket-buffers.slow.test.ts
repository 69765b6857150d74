/**
 * Methods of socket buffers, link headers and packet types in a user's driver, with frames of real
 * programs.
 */
import { describe, expect, test } from 'vitest'
import {
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
} from '#src/skb/sk-buff.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { firstOf } from '#support/scale.ts'
import { sentPackets } from '#support/shown-link.ts'
import { pingSome, pingWithoutLoss } from '#support/traffic.ts'
import {
  expectConserved,
  finalStatistics,
  type Running,
  spawnVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const { netns, files } = freshQuietNamespaces('netns')

/** A driver that replies to an echo request with the result of `reply`; both have a link header. */
function start(reply: string): Promise<Running> {
  const file = files.driver({
    setup: 'dev.flags |= vnet.IFF_NOARP',
    ops: `ndoStartXmit(skb, dev) {
      const made = (${reply})(skb, dev)
      const { bytes, data } = made
      for (let i = data + 26; i < data + 30; i++) [bytes[i], bytes[i + 4]] = [bytes[i + 4], bytes[i]]
      const sum = ((bytes[data + 36] << 8) | bytes[data + 37]) + 0x800
      bytes[data + 34] = 0
      bytes[data + 36] = (sum + (sum >> 16)) >> 8
      bytes[data + 37] = sum + (sum >> 16)
      if (made !== skb) skb.free()
      if (made.rxDev !== undefined) throw new Error('a frame that is sent has no rxDev')
      vnet.netifRx(made)
      if (made.rxDev !== dev) throw new Error('a frame that is received has one')
    }`,
  })
  return spawnVnet([file, '--netns', netns.name, '--json', '--address', '198.18.0.1/24'])
}

describe('ping gets replies from a driver that', () => {
  test.each<[string, string]>(
    firstOf(2, [
      [
        'takes the link header off and puts it on again (pull, push)',
        `skb => {
        const { data, len } = skb
        if (skb.pull(14) !== data + 14 || skb.len !== len - 14) throw new Error('pull')
        if (skb.push(14) !== data || skb.len !== len) throw new Error('push')
        return skb
      }`,
      ],
      [
        'makes the frame longer and cuts it again (put, tailroom, headroom, trim)',
        `skb => {
        const { len, tail } = skb
        const [before, behind] = [skb.headroom(), skb.tailroom()]
        if (skb.put(100) !== tail || skb.tailroom() !== behind - 100 || skb.headroom() !== before) throw new Error('put')
        skb.trim(len)
        return skb
      }`,
      ],
      ['replies with a copy', 'skb => skb.copy()'],
      ['replies with a clone', 'skb => skb.clone()'],
      [
        'builds the reply (allocSkb, reserve, put, devParseHeader, devHardHeader)',
        `(skb, dev) => {
        const made = vnet.allocSkb(dev, skb.len + 2)
        if (made.head !== made.data || made.data !== made.tail) throw new Error('it has headroom')
        made.reserve(dev.hardHeaderLen + 2)
        made.bytes.set(skb.bytes.subarray(skb.data + 14, skb.tail), made.put(skb.len - 14))
        const from = new Uint8Array(6)
        if (vnet.devParseHeader(skb, from) !== dev.addrLen) throw new Error('parse')
        if (vnet.devHardHeader(made, dev, vnet.ETH_P_IP, from) !== dev.hardHeaderLen) throw new Error('create')
        return made
      }`,
      ],
      [
        'makes it without a check (devAllocSkb, __put, __push)',
        `(skb, dev) => {
        const made = vnet.devAllocSkb(dev, skb.len)
        made.bytes.set(skb.bytes.subarray(skb.data + 14, skb.tail), made.__put(skb.len - 14))
        made.bytes.set(skb.bytes.subarray(skb.data, skb.data + 14), made.__push(14))
        return made
      }`,
      ],
    ]),
  )('%s', async (_, reply) => {
    const vnet = await start(reply)
    for (const octets of [56, 1400]) {
      await pingWithoutLoss(netns, `-c 3 -i 0.02 -s ${octets} 198.18.0.2`)
    }
    const { mine0 } = await stopConserved(vnet)
    expect(mine0).toMatchObject({
      total: { txPackets: 6, rxPackets: 6 },
      drops: { tx: {}, rx: {} },
    })
  })
})

test('a put that does not fit loses the frame, and the error names both sizes and the line', async () => {
  const vnet = await start('skb => { skb.put(70000); return skb }')
  expect(await pingSome(netns, '-c 3 -i 0.01 -W 1 198.18.0.2')).toBe(0)
  const line = await vnet.line(/skb_over_panic/)
  await expect.poll(() => sentPackets(netns, 'mine0')).toBe(3)
  expect(line).toMatch(
    /mine0: ndoStartXmit: SkbError: skb_over_panic: skb_put of 70000 bytes where \d{5} are left/,
  )
  expect(line).toMatch(/my-driver\.mjs:\d+:\d+/)
  const statistics = finalStatistics(await vnet.stop())
  expectConserved(Object.values(statistics))
  expect(statistics.mine0?.drops).toEqual({ tx: { DRIVER_EXCEPTION: 3 }, rx: {} })
})

test('ethTypeTrans sets the packet type and the protocol of a frame', async () => {
  const file = files.driver({
    ops: `ndoStartXmit(skb, dev) {
      const protocol = vnet.ethTypeTrans(skb, dev)
      const found = skb.mac === skb.data && skb.nh === skb.data + 14 && skb.protocol === protocol
      dev.log.info('for ' + skb.pktType + ', carries 0x' + protocol.toString(16) + ', ' + found)
      skb.drop()
    }`,
  })
  const vnet = await spawnVnet([
    file,
    '--netns',
    netns.name,
    '--json',
    '--mac',
    '02:00:00:00:00:07',
  ])
  using sender = new PacketSocket(netns, 'mine0')
  const kinds: [number[], number][] = [
    [[2, 0, 0, 0, 0, 7], PACKET_HOST],
    [[255, 255, 255, 255, 255, 255], PACKET_BROADCAST],
    [[1, 0, 0x5e, 0, 0, 0xfb], PACKET_MULTICAST],
    [[2, 0, 0, 0, 0, 8], PACKET_OTHERHOST],
  ]
  for (const [destination, type] of kinds) {
    const frame = ethernet(0x88b5, 46)
    frame.set(destination)
    sender.send(frame)
    await vnet.line(new RegExp(`mine0: for ${type}, carries 0x88b5, true"`))
  }
  const { mine0 } = await stopConserved(vnet)
  expect(mine0?.drops.tx).toEqual({ NOT_SPECIFIED: 4 })
})
