import { describe, expect, test, vi } from 'vitest'
import type { FrameInfo } from '#src/bed/memory-port.ts'
import * as flags from '#src/netdev/if.ts'
import {
  ethTypeTrans,
  netifRx,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
} from '#src/netdev/netif.ts'
import { RX_DROPPED, RX_PACKETS, TX_DROPPED } from '#src/netdev/stats.ts'
import {
  SKB_DROP_REASON_SKB_CSUM,
  SKB_DROP_REASON_SKB_GSO_SEG,
  SKB_DROP_REASON_WIRE_LOSS,
} from '#src/skb/drop-reason.ts'
import { OWNER_FREE, OWNER_HOLDER, SkbError } from '#src/skb/error.ts'
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  type SkBuff,
} from '#src/skb/sk-buff.ts'
import {
  addDevice,
  freshNet,
  makeDevice,
  memoryNets,
  numbered,
  numberOf,
  sendAll,
} from '#support/memory-net.ts'
import { framed, skbOf } from '#support/skb.ts'
import { buildFrame, FIELD, type Packet, plain, plain6, transportOffset } from '../packet/frames.ts'

const makeNet = memoryNets()
const memory = freshNet()

const payload = Array.from({ length: 3000 }, (_, i) => i & 0xff)

/** A frame as a kernel with offloads hands it over: its checksum partial, or itself to be cut. */
function offloaded(packet: Packet, gsoSize = 0): { bytes: Uint8Array; info: FrameInfo } {
  const partial: Packet = { ...packet, checksum: 'partial' }
  const tcp = packet.source.length === 4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6
  const kind = packet.kind === 'udp' ? SKB_GSO_UDP_L4 : tcp
  const info = {
    ipSummed: CHECKSUM_PARTIAL,
    csumStart: 14 + transportOffset(partial),
    csumOffset: FIELD[packet.kind],
    gsoSize,
    gsoType: gsoSize === 0 ? 0 : kind,
  }
  return { bytes: buildFrame(framed(partial)), info }
}

/** A device with these features that loops its frames back. */
async function mirror(features: number) {
  const memory = makeNet()
  const added = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) }, { features })
  return {
    ...memory,
    ...added,
    memory,
    send({ bytes, info }: { bytes: Uint8Array; info: FrameInfo }) {
      added.port.transmit(bytes, 0, info)
      added.port.drain()
      return added.port.received.splice(0)
    },
  }
}

describe('a partial checksum', () => {
  test('a partial checksum is left to a receiver that completes it', async () => {
    const { send } = await mirror(flags.NETIF_F_HW_CSUM)
    const frame = offloaded(plain)
    expect(send(frame)).toEqual([expect.objectContaining({ ...frame.info, bytes: frame.bytes })])
  })

  test('a partial checksum is completed for a receiver that does not', async () => {
    const { send } = await mirror(0)
    for (const packet of [plain, plain6, { ...plain, kind: 'tcp' as const }]) {
      const [received] = send(offloaded(packet))
      expect([received?.ipSummed, received?.bytes]).toEqual([
        CHECKSUM_NONE,
        buildFrame(framed(packet)),
      ])
    }
  })

  test('a frame with a partial checksum outside it is dropped on the receive side', async () => {
    const { send, dev } = await mirror(0)
    const { bytes, info } = offloaded(plain)
    expect(send({ bytes, info: { ...info, csumStart: 1000 } })).toEqual([])
    const { rx, tx } = dev.counters.drops()
    expect([rx[SKB_DROP_REASON_SKB_CSUM], tx[SKB_DROP_REASON_SKB_CSUM]]).toEqual([1, 0])
  })
})

describe('a frame to be cut', () => {
  const tcp: Packet = { ...plain, kind: 'tcp', payload }
  const tcp6: Packet = { ...plain6, kind: 'tcp', payload }
  const udp: Packet = { ...plain, payload }
  const base = flags.NETIF_F_HW_CSUM | flags.NETIF_F_SG

  test.each([
    ['TCP over IPv4', tcp, base | flags.NETIF_F_TSO],
    ['TCP over IPv6', tcp6, base | flags.NETIF_F_TSO6],
    ['UDP', udp, base | flags.NETIF_F_GSO_UDP_L4],
    ['TCP with all offloads', tcp, flags.NETIF_F_ALL_TAP],
  ])(
    'a GSO frame of %s is left whole for a receiver that can cut it',
    async (_, packet, features) => {
      const { send } = await mirror(features)
      const frame = offloaded(packet, 1000)
      expect(send(frame)).toEqual([expect.objectContaining({ ...frame.info, bytes: frame.bytes })])
    },
  )

  test.each([
    [
      'TCP over IPv4',
      tcp,
      base | flags.NETIF_F_TSO6 | flags.NETIF_F_TSO_ECN | flags.NETIF_F_GSO_UDP_L4,
    ],
    [
      'TCP over IPv6',
      tcp6,
      base | flags.NETIF_F_TSO | flags.NETIF_F_TSO_ECN | flags.NETIF_F_GSO_UDP_L4,
    ],
    ['UDP', udp, base | flags.NETIF_F_TSO | flags.NETIF_F_TSO6],
    ['TCP without any', tcp, 0],
  ])(
    'a GSO frame of %s is cut, in order, for a receiver that cannot',
    async (_, packet, features) => {
      const { send, dev, memory } = await mirror(features)
      const received = send(offloaded(packet, 1000))
      const headers = (received[0]?.bytes.length ?? 0) - 1000
      expect(received.map(({ bytes }) => [...bytes.subarray(headers)])).toEqual([
        payload.slice(0, 1000),
        payload.slice(1000, 2000),
        payload.slice(2000),
      ])
      expect(received.map(({ gsoSize, ipSummed }) => [gsoSize, ipSummed])).toEqual(
        Array(3).fill([0, CHECKSUM_NONE]),
      )
      expect(dev.counters.sum()[RX_PACKETS]).toBe(3)
      expect(memory.conserved()).toMatchObject({ in: 1, made: 2, out: 3 })
    },
  )

  test('a frame that is cut while another is delivered leaves the segments of that one alone', async () => {
    const memory = makeNet({ large: 16, small: 1024 })
    const first = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
    const waiting: SkBuff[] = []
    const second = await addDevice(memory, { ndoStartXmit: skb => void waiting.push(skb) })
    const { bytes, info } = offloaded(tcp, 1000)
    second.port.transmit(bytes, 0, info)
    second.port.drain()
    let delivered = 0
    first.port.onFrame = () => {
      if (delivered++ === 0) {
        netifRx(waiting[0] as SkBuff)
      }
    }
    // More segments than a receive queue takes: it is written out before all of them are in it.
    const small = offloaded(tcp, 10)
    first.port.transmit(small.bytes, 0, small.info)
    first.port.drain()
    expect([delivered, second.port.received.length]).toEqual([300, 3])
    expect(memory.conserved()).toMatchObject({ in: 2, made: 301, out: 303 })
  })

  test('a GSO frame that cannot be cut is dropped on the receive side', async () => {
    const { send, dev } = await mirror(0)
    const { bytes, info } = offloaded(tcp, 1000)
    expect(send({ bytes, info: { ...info, gsoType: 1 << 9 } })).toEqual([])
    const { rx } = dev.counters.drops()
    expect([rx[SKB_DROP_REASON_SKB_GSO_SEG], dev.counters.sum()[RX_DROPPED]]).toEqual([1, 1])
  })
})

describe('netifRx', () => {
  test('netifRx gives the frame to the device it is on, which need not be the sender', async () => {
    const to = await addDevice(memory)
    const from = await addDevice(memory, {
      ndoStartXmit: skb => {
        skb.dev = to.dev
        netifRx(skb)
      },
    })
    const [bytes] = numbered(1) as [Uint8Array]
    sendAll(from.port, bytes)
    expect([to.port.received.map(frame => frame.bytes), from.port.received]).toEqual([[bytes], []])
    expect([to.dev.counters.sum()[RX_PACKETS], from.dev.counters.sum()[RX_PACKETS]]).toEqual([1, 0])
  })

  test('netifRx of a freed frame throws, and the slot remains free', async () => {
    const { dev } = await addDevice(memory)
    const skb = memory.pool.alloc(60) as SkBuff
    skb.free()
    skb.dev = dev
    expect(() => netifRx(skb)).toThrow(SkbError)
    expect([skb.owner, dev.held]).toEqual([OWNER_FREE, 0])
  })
})

test('netifRx refuses a frame that has no device or was given to the kernel before', async () => {
  const { dev, port } = await addDevice(memory)
  const skb = memory.pool.alloc(60) as SkBuff
  skb.put(60)
  expect(() => netifRx(skb)).toThrow(
    /^netif_rx of a frame that is on no device, .*: set skb\.dev; /,
  )
  expect(skb.owner).toBe(OWNER_HOLDER)
  skb.dev = dev
  netifRx(skb)
  expect(() => netifRx(skb)).toThrow('netif_rx on a frame that the kernel was given already')
  memory.net.flush()
  expect(port.received).toHaveLength(1)
  memory.made = 1
})

test.each([-1, 1.5, Number.NaN, 0x10001, 1e10])(
  'queue %d of a driver is taken as 16 bits, modulo the queues',
  async queue => {
    const { dev, port } = await addDevice(
      memory,
      { ndoStartXmit: skb => receiveOrDrop(skb, queue) },
      { txqs: 2, rxqs: 2 },
    )
    sendAll(port, ...numbered(4))
    expect([port.received.length, dev.counters.sum()[TX_DROPPED]]).toEqual([2, 2])
  },
)

function receiveOrDrop(skb: SkBuff, queue: number): void {
  skb.queueMapping = queue
  if (numberOf(skb) % 2 === 0) {
    netifRx(skb)
  } else {
    skb.drop()
  }
}

describe('ethTypeTrans', () => {
  const dev = makeDevice()
  dev.devAddr.set([2, 0, 0, 0, 0, 9])

  function translated(octets: ArrayLike<number>) {
    const { pool } = makeNet()
    const skb = skbOf(pool, octets)
    const answer = ethTypeTrans(skb, dev)
    const { protocol, pktType, data, len } = skb
    expect([answer, skb.mac, skb.nh, len]).toEqual([protocol, data, data + 14, octets.length])
    skb.free()
    return { protocol, pktType }
  }

  test.each([
    ['the device’s own', [2, 0, 0, 0, 0, 9], PACKET_HOST],
    ['another', [2, 0, 0, 0, 0, 8], PACKET_OTHERHOST],
    ['all', [255, 255, 255, 255, 255, 255], PACKET_BROADCAST],
    ['a group', [1, 0, 94, 0, 0, 1], PACKET_MULTICAST],
    ['nearly all', [255, 255, 255, 255, 255, 254], PACKET_MULTICAST],
  ])('ethTypeTrans sets pktType for a frame to %s address', (_, to, pktType) => {
    expect(translated([...to, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60])).toEqual({
      protocol: 0x86dd,
      pktType,
    })
  })

  test.each([
    ['LLC', [0x05, 0xff, 0x42, 0x42, 0x03], 0x0004],
    ['an LLC header that is cut', [0x00, 0x00, 0xff], 0x0004],
    ['IPX of Novell’s', [0x00, 0x1e, 0xff, 0xff], 0x0001],
    ['the lowest EtherType', [0x06, 0x00, 0xff, 0xff], 0x0600],
  ])('ethTypeTrans recognizes %s, after a length or not', (_, behind, protocol) => {
    expect(translated([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, ...behind]).protocol).toBe(protocol)
  })

  test('ethTypeTrans returns 0 for a frame shorter than its header', () => {
    expect(translated([2, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 8]).protocol).toBe(0)
  })
})

test('one call stops, starts or wakes all queues', async () => {
  const { dev } = await addDevice(memory, {}, { txqs: 3 })
  const stopped = () => dev.tx.map(txq => txq.stopped)
  netifTxStopAllQueues(dev)
  expect(stopped()).toEqual([true, true, true])
  netifTxStartAllQueues(dev)
  expect(stopped()).toEqual([false, false, false])
  netifTxStopAllQueues(dev)
  const wake = dev.tx.map(txq => vi.spyOn(txq, 'wake'))
  netifTxWakeAllQueues(dev)
  expect([stopped(), wake.map(spy => spy.mock.calls.length)]).toEqual([
    [false, false, false],
    [1, 1, 1],
  ])
})

test('a frame that the driver drops itself counts on the sending side', async () => {
  const { dev, port } = await addDevice(memory, {
    ndoStartXmit: skb => skb.drop(SKB_DROP_REASON_WIRE_LOSS),
  })
  sendAll(port, ...numbered(1))
  const { tx, rx } = dev.counters.drops()
  expect([tx[SKB_DROP_REASON_WIRE_LOSS], rx[SKB_DROP_REASON_WIRE_LOSS]]).toEqual([1, 0])
})
