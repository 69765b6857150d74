import { describe, expect, test } from 'vitest'
import { EBUSY, EOPNOTSUPP } from '#src/base/errno.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { SNULL_RX_INTR, SNULL_TX_INTR } from '#src/drivers/snull/board.ts'
import { driver } from '#src/drivers/snull/driver.ts'
import { IFF_NOARP, NETIF_F_ALL_TAP, NETIF_F_GSO } from '#src/netdev/if.ts'
import type { Napi } from '#src/netdev/napi.ts'
import { devClose, devOpen } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { linkStats64, RX_BYTES, TX_BYTES } from '#src/netdev/stats.ts'
import * as reasons from '#src/skb/drop-reason.ts'
import {
  addDriver,
  type MemoryNet,
  memoryNets,
  numbered,
  padded,
  sendAll,
  turn,
} from '#support/memory-net.ts'
import { flowFrame, flowNumber, type SnullParams, snullPair } from '#support/snull-pair.ts'
import { address, buildFrame, type Packet, plain, plain6 } from '../../packet/frames.ts'

const makeNet = memoryNets()
const off = { eth: false, ipv6: false }

const MAC0 = [0, ...Buffer.from('SNUL0')]
const MAC1 = [0, ...Buffer.from('SNUL1')]

function frameOf(packet: Packet, destination?: number[]): Uint8Array {
  const bytes = buildFrame({ packet, tags: [], padding: [] })
  if (destination !== undefined) {
    bytes.set(destination)
  }
  return bytes
}

function send(port: MemoryPort, ...frames: Uint8Array[]): void {
  sendAll(port, ...frames)
}

const bytesOf = (port: MemoryPort): Uint8Array[] => port.received.map(({ bytes }) => bytes)
const upTo = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i)

describe('the snull driver', () => {
  test('snull makes two interfaces without ARP, each with an address in its own network', async () => {
    const { sn0, sn1, specs } = await snullPair(makeNet())
    expect([sn0.name, sn1.name, [...sn0.devAddr], [...sn1.devAddr]]).toEqual([
      'sn0',
      'sn1',
      MAC0,
      MAC1,
    ])
    expect([sn0.flags & IFF_NOARP, sn1.features]).toEqual([
      IFF_NOARP,
      NETIF_F_ALL_TAP | NETIF_F_GSO,
    ])
    expect(specs.map(({ addresses }) => addresses)).toEqual([['198.18.0.1/24'], ['198.18.1.2/24']])
  })

  test('snull with --arp makes interfaces with ARP', async () => {
    const { sn0, sn1 } = await snullPair(makeNet(), { arp: true })
    expect([sn0.flags & IFF_NOARP, sn1.flags & IFF_NOARP]).toEqual([0, 0])
  })

  test('snull shows a speed and sets the time of its watchdog', async () => {
    const { sn0, port0 } = await snullPair(makeNet(), { timeout: 77 })
    expect([sn0.watchdogTimeo, port0.linkKsettings]).toEqual([77, { speed: 10, duplex: 'full' }])
  })

  test('snull uses eth%d, IPv6, names and namespaces that are requested', async () => {
    const memory = makeNet()
    const { devices, specs } = await addDriver(memory, driver, { eth: true, ipv6: true })
    expect(devices.map(({ name }) => name)).toEqual(['eth0', 'eth1'])
    expect(specs.map(({ addresses }) => addresses)).toEqual([
      ['198.18.0.1/24', '2001:db8::1/64'],
      ['198.18.1.2/24', '2001:db8:0:1::2/64'],
    ])
    const named = await addDriver(memory, driver, off, { args: ['a/x', 'b/y'] })
    expect(named.specs.map(({ netns }) => netns)).toEqual(['a', 'b'])
    expect(named.devices.map(({ name }) => name)).toEqual(['x', 'y'])
  })
})

describe('ndoSetConfig', () => {
  const map = { memStart: 0, memEnd: 0, baseAddr: 0, irq: 7, dma: 0, port: 0 }

  test('ndoSetConfig of snull sets only the interrupt, while the interface is down', async () => {
    const { sn0 } = await snullPair(makeNet(), {}, { down: true })
    const { ndoSetConfig } = sn0.netdevOps
    expect(ndoSetConfig?.(sn0, { ...map, memStart: 5, dma: 3, port: 1 })).toBe(0)
    expect(sn0.map).toEqual(map)
  })

  test('ndoSetConfig of snull refuses another I/O address, and everything while the interface is up', async () => {
    const { sn0 } = await snullPair(makeNet())
    const { ndoSetConfig } = sn0.netdevOps
    expect(ndoSetConfig?.(sn0, map)).toBe(-EBUSY)
    await devClose(sn0)
    expect(ndoSetConfig?.(sn0, { ...map, baseAddr: 0x300 })).toBe(-EOPNOTSUPP)
    expect(sn0.map.irq).toBe(0)
  })
})

describe.each([
  ['by interrupt', false],
  ['by NAPI', true],
])('snull %s', (_, useNapi) => {
  const pair = (params: Partial<SnullParams> = {}, options = {}, memory: MemoryNet = makeNet()) =>
    snullPair(memory, { useNapi, ...params }, options)

  test('snull delivers frames to its peer, flipped, addressed to it, and padded', async () => {
    const { port0, port1 } = await pair()
    send(port0, frameOf(plain))
    const flipped = { ...plain, source: address('198.18.1.1'), destination: address('198.18.1.2') }
    expect([bytesOf(port1), bytesOf(port0)]).toEqual([[padded(frameOf(flipped, MAC1))], []])
    const back = { ...plain, source: address('198.18.1.2'), destination: address('198.18.1.1') }
    send(port1, frameOf(back))
    const arrived = { ...plain, source: address('198.18.0.2'), destination: address('198.18.0.1') }
    expect(bytesOf(port0)).toEqual([padded(frameOf(arrived, MAC0))])
  })

  test('snull counts a short frame before padding when sent, and after it when received', async () => {
    const { sn0, sn1, port0 } = await pair()
    const bytes = frameOf(plain)
    send(port0, bytes)
    expect(bytes.length).toBeLessThan(60)
    expect([sn0.counters.sum()[TX_BYTES], sn1.counters.sum()[RX_BYTES]]).toEqual([bytes.length, 60])
  })

  test('snull pads with zeros, whatever was in the slot before', async () => {
    const { port0, port1 } = await pair()
    const long = frameOf({ ...plain, payload: new Array<number>(200).fill(0xaa) })
    send(port0, long, frameOf(plain))
    expect([...(port1.received[1]?.bytes ?? [])].slice(frameOf(plain).length)).toEqual(
      new Array<number>(60 - frameOf(plain).length).fill(0),
    )
    expect(port1.received[0]?.bytes.length).toBe(long.length)
  })

  test('snull keeps a group address in the link header', async () => {
    const { port0, port1 } = await pair()
    const group = [0x33, 0x33, 0, 0, 0, 1]
    const packet = { ...plain6, destination: address('ff02:0:0:0:0:0:0:1') }
    send(port0, frameOf(packet, group))
    const flipped = { ...packet, source: address('2001:db8:0:1:0:0:0:1') }
    expect(bytesOf(port1)).toEqual([padded(frameOf(flipped, group))])
  })

  test('snull delivers a frame on the queue it came from', async () => {
    const { port0, port1, sn1 } = await pair({}, { txqs: 4, rxqs: 4 })
    for (const queue of [3, 1, 3, 0]) {
      port0.transmit(flowFrame(queue, 0), queue)
    }
    port0.drain()
    expect(port1.received.map(frame => [frame.queue, flowNumber(frame)[0]]).sort()).toEqual([
      [0, 0],
      [1, 1],
      [3, 3],
      [3, 3],
    ])
    expect(sn1.numRxQueues).toBe(4)
  })

  test('snull drops frames that it cannot translate, with a reason', async () => {
    const { port0, port1, sn0 } = await pair()
    send(port0, ...numbered(1))
    expect([
      sn0.counters.drops().tx[reasons.SKB_DROP_REASON_UNHANDLED_PROTO],
      port1.received,
    ]).toEqual([1, []])
  })

  test('snull counts frames for a peer that is down as dropped there', async () => {
    const { port0, port1, sn0, sn1 } = await pair()
    await devClose(sn1)
    send(port0, frameOf(plain))
    expect([port1.received, sn1.counters.drops().rx[reasons.SKB_DROP_REASON_DEV_READY]]).toEqual([
      [],
      1,
    ])
    expect(linkStats64(sn0.getStats64())).toMatchObject({ txPackets: 1, txDropped: 0 })
    await devOpen(sn1)
    send(port0, frameOf(plain))
    expect(port1.received.length).toBe(1)
  })

  test('snull drops frames when its peer is unregistered', async () => {
    const { port0, sn0, sn1 } = await pair()
    await unregisterNetdev(sn1)
    send(port0, frameOf(plain))
    expect(sn0.counters.drops().tx[reasons.SKB_DROP_REASON_DEV_READY]).toBe(1)
  })

  test('snull completes checksums for a peer without offloads', async () => {
    const { sn1, port0, port1 } = await pair()
    sn1.features = 0
    const partial = frameOf({ ...plain, checksum: 'partial' })
    port0.transmit(partial, 0, { ipSummed: 3, csumStart: 34, csumOffset: 6 })
    port0.drain()
    const flipped = { ...plain, source: address('198.18.1.1'), destination: address('198.18.1.2') }
    expect(bytesOf(port1)).toEqual([padded(frameOf(flipped, MAC1))])
  })

  test('snull takes one interrupt per batch of sixteen on each side, none of them spurious', async () => {
    const { hw0, hw1, port0, port1 } = await pair()
    send(port0, ...upTo(32).map(n => flowFrame(0, n)))
    expect(port1.received.length).toBe(32)
    expect([hw0.irq.count, hw0.irq.spurious, hw1.irq.count, hw1.irq.spurious]).toEqual([2, 0, 2, 0])
    expect([hw0.irq.status, hw1.irq.status]).toEqual([0, 0])
  })

  test('snull carries both directions simultaneously, each flow in order', async () => {
    const { port0, port1 } = await pair({ poolSize: 3 }, { txqs: 2, rxqs: 2 })
    for (let n = 0; n < 200; n++) {
      port0.transmit(flowFrame(n % 2, n), n % 2)
      port1.transmit(flowFrame(2 + (n % 2), n), n % 2)
    }
    while (port0.received.length + port1.received.length < 400) {
      await turn()
    }
    for (const [port, flows] of [
      [port1, [0, 1]],
      [port0, [2, 3]],
    ] as const) {
      for (const queue of [0, 1]) {
        const numbers = port.received.filter(frame => frame.queue === queue).map(flowNumber)
        expect(numbers).toEqual(upTo(100).map(i => [flows[queue], 2 * i + queue]))
      }
    }
  })

  describe.each([1, 2, 3, 7, 15, 16, 17, 64])('with %d transmit buffers', poolSize => {
    test('snull stops a queue without free buffers, wakes it by interrupt, and loses nothing', async () => {
      const { memory, sn0, sn1, port0, port1 } = await pair({ poolSize })
      let stops = 0
      const [txq] = sn0.tx
      const stop = txq?.stop.bind(txq)
      if (txq !== undefined) {
        txq.stop = () => {
          stops++
          stop?.()
        }
      }
      for (let n = 0; n < 250; n++) {
        port0.transmit(flowFrame(0, n))
      }
      for (let i = 0; port1.received.length < 250 && i < 1000; i++) {
        await turn()
        // What was too much for one go is done by the clock.
        memory.clock.advance(1)
      }
      expect(port1.received.map(flowNumber)).toEqual(upTo(250).map(n => [0, n]))
      // A batch is sixteen frames, after which the interrupt is taken.
      expect(stops > 0).toBe(poolSize <= 16)
      expect([txq?.stopped, txq?.held, txq?.requeues, txq?.transTimeout]).toEqual([false, 0, 0, 0])
      expect([
        linkStats64(sn0.getStats64()).txErrors,
        linkStats64(sn1.getStats64()).rxErrors,
      ]).toEqual([0, 0])
      expect(memory.conserved()).toMatchObject({ in: 250, out: 250, dropped: 0, held: 0 })
    })
  })

  test('snull never has more frames in flight than buffers', async () => {
    const { sn0, hw1, port0, port1 } = await pair({ poolSize: 4 })
    let most = 0
    const push = hw1.rxRing.push.bind(hw1.rxRing)
    hw1.rxRing.push = skb => {
      const done = push(skb)
      most = Math.max(most, hw1.rxRing.length)
      return done
    }
    send(port0, ...upTo(16).map(n => flowFrame(0, n)))
    expect([most, port1.received.length, sn0.tx[0]?.held]).toEqual([4, 16, 0])
  })

  test('the receiver counts frames as missed when its receive ring is full', async () => {
    const { memory, sn0, sn1, port0, port1 } = await pair({ ringSize: 8 })
    send(port0, ...upTo(16).map(n => flowFrame(0, n)))
    expect(port1.received.map(flowNumber)).toEqual(upTo(8).map(n => [0, n]))
    expect(linkStats64(sn1.getStats64())).toMatchObject({
      rxPackets: 8,
      rxMissedErrors: 8,
      rxErrors: 0,
      rxDropped: 0,
    })
    expect([
      sn1.counters.drops().rx[reasons.SKB_DROP_REASON_FULL_RING],
      sn0.tx[0]?.stopped,
    ]).toEqual([8, false])
    expect(memory.conserved()).toMatchObject({ in: 16, out: 8, dropped: 8 })
  })

  test('snull drops and counts its ring when closed, and has all buffers when opened again', async () => {
    const { memory, sn1, hw1, port0, port1 } = await pair()
    // The interrupt is kept back, as by a CPU that is busy.
    hw1.irq.mask(-1)
    send(port0, ...upTo(5).map(n => flowFrame(0, n)))
    expect([hw1.rxRing.length, port1.received.length]).toEqual([5, 0])
    await devClose(sn1)
    expect([
      sn1.counters.drops().rx[reasons.SKB_DROP_REASON_DEV_STOPPED],
      linkStats64(sn1.getStats64()).rxDropped,
    ]).toEqual([5, 5])
    expect(memory.conserved()).toMatchObject({ in: 5, dropped: 5, held: 0 })
    await devOpen(sn1)
    send(port0, flowFrame(0, 9))
    expect(port1.received.map(flowNumber)).toEqual([[0, 9]])
  })

  test('snull closed in the middle of a batch has all buffers when opened again', async () => {
    const { sn0, port0, port1, memory } = await pair({ poolSize: 2 })
    for (let i = 0; i < 3; i++) {
      for (let n = 0; n < 20; n++) {
        port0.transmit(flowFrame(0, n))
      }
      await devClose(sn0)
      await devOpen(sn0)
    }
    port1.received.length = 0
    send(port0, ...upTo(40).map(n => flowFrame(0, n)))
    expect(port1.received.map(flowNumber)).toEqual(upTo(40).map(n => [0, n]))
    memory.conserved()
  })

  test('snull frees the buffers in use when it is closed', async () => {
    const { sn0, hw0, port0 } = await pair({ poolSize: 2 })
    for (let i = 0; i < 3; i++) {
      // No completion arrives: sent frames remain in use.
      hw0.irq.mask(SNULL_TX_INTR)
      send(port0, flowFrame(0, i))
      expect(sn0.tx[0]?.stopped).toBe(false)
      await devClose(sn0)
      await devOpen(sn0)
    }
  })

  test('a full kernel on one side of snull does not delay the other side', async () => {
    const { memory, port0, port1 } = await pair({ poolSize: 4 })
    port1.room = 0
    send(port0, ...upTo(20).map(n => flowFrame(0, n)))
    sendAll(port1, flowFrame(2, 1))
    expect(port0.received.map(flowNumber)).toEqual([[2, 1]])
    expect(memory.conserved()).toMatchObject({ in: 21, out: 1, held: 20 })
    port1.room = Number.POSITIVE_INFINITY
    memory.clock.advance(1e6)
    await turn()
    expect(port1.received.map(flowNumber)).toEqual(upTo(20).map(n => [0, n]))
  })
})

describe('NAPI', () => {
  test('a poll of snull handles at most 64 frames, with the interrupt masked until nothing is left', async () => {
    const { memory, hw1, sn1, port0, port1 } = await snullPair(makeNet({ large: 512 }), {
      useNapi: true,
    })
    // Kept back, as by a CPU that is busy.
    hw1.irq.mask(-1)
    send(port0, ...upTo(150).map(n => flowFrame(0, n)))
    expect([hw1.rxRing.length, hw1.irq.count]).toEqual([150, 0])
    const polls: number[] = []
    const { napi } = sn1.priv as { napi: Napi }
    const run = napi.run.bind(napi)
    napi.run = () => {
      const before = hw1.rxRing.length
      hw1.irq.raise(SNULL_RX_INTR) // comes while it is masked
      const again = run()
      polls.push(before - hw1.rxRing.length)
      return again
    }
    hw1.irq.unmask(-1)
    sn1.net.flush()
    // The last is for what came meanwhile.
    expect([polls, hw1.irq.count, hw1.irq.spurious]).toEqual([
      [64, 64, 22, 0, 0, 0, 0, 0, 0, 0],
      8,
      0,
    ])
    expect(port1.received.map(flowNumber)).toEqual(upTo(150).map(n => [0, n]))
    napi.run = run
    sn1.net.flush()
    memory.conserved()
  })
})
