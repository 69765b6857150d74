/**
 * The segment and its hosts under random frames: packets of every kind to hosts, groups and unowned
 * addresses, changed in places and cut, and noise. Nothing throws, every frame is accounted for, no
 * slot is lost.
 */
import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { type Random, random } from '#src/base/random.ts'
import { createVnetHdr } from '#src/linux/tap/frame-queue.ts'
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
} from '#src/skb/sk-buff.ts'
import { memoryNets } from '#support/memory-net.ts'
import { SEED, scaled } from '#support/scale.ts'
import { vnetHeaders } from '#support/vnet-header.ts'
import { address } from '../../../../test/packet/frames.ts'
import { buildArp, buildNeighbour } from '../../../../test/packet/neighbour.ts'
import { host } from '../../src/services/tcp-handlers.ts'
import { addLan, settle } from '../lan-net.ts'
import {
  BROADCAST,
  CLIENT,
  CLIENT_MAC,
  CLIENT6,
  GATEWAY,
  GATEWAY6,
  packet,
  ping,
  tcp,
  udp,
} from '../packets.ts'

const FRAMES = scaled(500_000)

const makeNet = memoryNets()
const broadcast = { mac: BROADCAST, ip: [255, 255, 255, 255] }
const group = { mac: [0x33, 0x33, 0, 0, 0, 2], ip: address('ff02:0:0:0:0:0:0:2') }
const away = { ...GATEWAY, ip: address('203.0.113.9') }
const away6 = { ...GATEWAY6, ip: address('2001:db8:9:0:0:0:0:9') }
const anyArp = {
  to: BROADCAST,
  from: CLIENT_MAC,
  sha: CLIENT_MAC,
  tha: [0, 0, 0, 0, 0, 0],
  tpa: GATEWAY.ip,
}
const nd = {
  to: GATEWAY.mac,
  from: CLIENT_MAC,
  type: 135,
  source: CLIENT6.ip,
  destination: GATEWAY6.ip,
  target: GATEWAY6.ip,
}

const SEEDS: readonly Uint8Array[] = [
  ...[GATEWAY, GATEWAY6, away, away6].flatMap(to => [
    ping(to),
    ...[7, 9, 13, 19, 53, 99].map(port => udp(to, port, 'some words')),
    tcp(to, 80, { flags: 2 }),
    tcp(to, 7, { flags: 16, data: [1, 2, 3] }),
    packet(to, 47, [0, 0, 8, 0]),
    packet(to, to.ip.length === 4 ? 1 : 58, [
      3,
      3,
      0,
      0,
      0,
      0,
      0,
      0,
      ...udp(CLIENT, 7, 'x').subarray(14),
    ]),
  ]),
  ping(GATEWAY, [1], { options: [131, 3, 4, 0] }),
  udp(broadcast, 53, 'x'),
  udp(group, 53, 'x'),
  packet(group, 58, [133, 0, 0, 0, 0, 0, 0, 0]),
  ...[1, 2].flatMap(op =>
    [CLIENT.ip, GATEWAY.ip, [0, 0, 0, 0]].map(spa =>
      Uint8Array.from(buildArp({ ...anyArp, op, spa })),
    ),
  ),
  ...[135, 136].map(type =>
    Uint8Array.from(
      buildNeighbour({ ...nd, type, options: [type === 135 ? 1 : 2, 1, ...CLIENT_MAC] }),
    ),
  ),
]

function draw({ below }: Random): { bytes: Uint8Array; info: object } {
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  let bytes = one(SEEDS).slice()
  const isIpv6 = bytes[12] === 0x86
  const h = isIpv6 ? 54 : 34
  const isUdp = bytes[isIpv6 ? 20 : 23] === 17
  if (below(10) === 0) {
    bytes = Uint8Array.from({ length: below(200) }, () => below(256))
  }
  for (let n = one([0, 0, 1, 1, 2, 5]); n > 0 && bytes.length > 0; n--) {
    bytes[below(bytes.length)] = one([below(256), 0, 1, 0x7f, 0x80, 0xff])
  }
  if (below(6) === 0) {
    bytes = bytes.slice(0, below(bytes.length + 1))
  }
  if (below(6) === 0) {
    const longer = new Uint8Array(bytes.length + one([1, 18, 1000, 30_000]))
    longer.set(bytes)
    bytes = longer
  }
  const gsoType = one([SKB_GSO_UDP_L4, SKB_GSO_UDP_L4, SKB_GSO_TCPV4, SKB_GSO_TCPV6, 1 << 10])
  const offset = isUdp ? 6 : 16
  const info = {
    ipSummed: one([CHECKSUM_NONE, CHECKSUM_UNNECESSARY, CHECKSUM_PARTIAL]),
    csumStart: below(5) === 0 ? one([0, 14, h + 1, bytes.length, below(65536)]) : h,
    csumOffset: below(5) === 0 ? one([0, 2, 6, 16, bytes.length, below(65536)]) : offset,
    ...(below(4) === 0 ? { gsoSize: one([1, 4, 500, 1448, 65535]), gsoType } : {}),
  }
  return { bytes, info }
}

test(`${FRAMES} random frames make nothing throw, and every one is accounted for`, {
  timeout: 300_000,
}, async () => {
  const memory = makeNet({ large: 16, small: 1024 })
  let calls = 0
  const handlers = {
    udp: {
      53: (message: { data: Uint8Array }, reply: (data: Uint8Array) => boolean) => {
        if (++calls % 7 === 0) throw new Error('a failed handler')
        reply(message.data.slice(0, 900))
      },
    },
    icmpv6: { 133: () => void calls++ },
  }
  const net = await addLan(
    memory,
    {
      hosts: [host({ ip: '198.18.0.7', ip6: '2001:db8:0:1::7', on: handlers })],
      gateway: { on: handlers },
    },
    { hosts: 20 },
    ['eth8', 'eth9'],
  )
  const { ports, port, segment, hosts } = net
  let received = 0
  for (const each of ports) {
    each.onFrame = skb => {
      received++
      createVnetHdr(skb)
      if (skb.len < 60) throw new Error(`a frame of ${skb.len} bytes`)
    }
  }
  const services = {
    address: Uint8Array.from([2, 0, 0, 0, 7, 7]),
    receive(skb: Parameters<typeof hosts.fromServices>[0]) {
      net.outside.kept++
      if (skb.bytes[skb.tail - 1] === 3) {
        net.outside.kept--
        hosts.fromServices(skb)
      } else {
        skb.free()
      }
    },
  }
  hosts.services = services
  const chance = random(SEED)
  const header = vnetHeaders(chance)
  for (let i = 0; i < FRAMES; i++) {
    const { bytes, info } = draw(chance)
    port.transmit(bytes, chance.below(2), chance.below(2) === 0 ? header(bytes.length) : info)
    if (i % 50 !== 49) continue
    port.drain()
    memory.net.flush()
    memory.clock.advance(NSEC_PER_MSEC)
    settle(memory, net)
    expect(memory.pool.out - segment.stats.held, `slots after frame ${i} of seed ${SEED}`).toBe(0)
  }
  port.drain()
  // Ends the pairs of hosts that reply to each other for ever.
  hosts.close()
  settle(memory, net)
  const { counters } = hosts
  for (const [name, n] of Object.entries(counters)) {
    if (name !== 'refused') {
      expect(n, name).toBeGreaterThan(0)
    }
  }
  expect([received > FRAMES / 4, segment.stats.in >= FRAMES, calls > 100]).toEqual([
    true,
    true,
    true,
  ])
  expect(
    memory.lines.filter(
      line => !/device opened|a failed handler|^handlers: \d+ similar lines? suppressed/.test(line),
    ),
  ).toEqual([])
})
