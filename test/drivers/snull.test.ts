import { describe, expect, test } from 'vitest'
import { IFF_NOARP, NETIF_F_ALL_TAP } from '../../src/core/if.ts'
import { devClose, devOpen, unregisterNetdev } from '../../src/core/register.ts'
import { driver } from '../../src/drivers/snull.ts'
import { SKB_DROP_REASON_DEV_READY, SKB_DROP_REASON_UNHANDLED_PROTO } from '../../src/skb/drop-reason.ts'
import type { MemoryPort } from '../../src/testing/memory-port.ts'
import { address, buildFrame, type Packet, plain, plain6 } from '../header/frames.ts'
import { addDriver, type MemoryNet, memoryNets, numbered } from '../support/memory-net.ts'

const makeNet = memoryNets()
const off = { eth: false, ipv6: false }

const MAC0 = [0, ...Buffer.from('SNUL0')]
const MAC1 = [0, ...Buffer.from('SNUL1')]

async function pair(memory: MemoryNet = makeNet(), options: { txqs?: number; rxqs?: number } = {}) {
  const { devices, ports, specs } = await addDriver(memory, driver, off, options)
  const [sn0, sn1] = devices as [(typeof devices)[0], (typeof devices)[0]]
  const [port0, port1] = ports as [MemoryPort, MemoryPort]
  return { memory, sn0, sn1, port0, port1, specs }
}

function frameOf(packet: Packet, destination?: number[]): Uint8Array {
  const bytes = buildFrame({ packet, tags: [], padding: [] })
  if (destination !== undefined) bytes.set(destination)
  return bytes
}

function send(port: MemoryPort, ...frames: Uint8Array[]): void {
  for (const bytes of frames) port.transmit(bytes)
  port.drain()
}

const bytesOf = (port: MemoryPort): Uint8Array[] => port.received.map(({ bytes }) => bytes)

describe('the snull driver', () => {
  test('makes two interfaces without ARP, an address and a network each', async () => {
    const { sn0, sn1, specs } = await pair()
    expect([sn0.name, sn1.name, [...sn0.devAddr], [...sn1.devAddr]]).toEqual(['sn0', 'sn1', MAC0, MAC1])
    expect([sn0.flags & IFF_NOARP, sn1.features]).toEqual([IFF_NOARP, NETIF_F_ALL_TAP])
    expect(specs.map(({ addresses }) => addresses)).toEqual([['198.18.0.1/24'], ['198.18.1.2/24']])
  })

  test('calls them eth%d, has IPv6, names and namespaces where asked', async () => {
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

  test('takes what leaves one to the other, its networks flipped, addressed to it', async () => {
    const { port0, port1 } = await pair()
    send(port0, frameOf(plain))
    const flipped = { ...plain, source: address('198.18.1.1'), destination: address('198.18.1.2') }
    expect([bytesOf(port1), bytesOf(port0)]).toEqual([[frameOf(flipped, MAC1)], []])
    const back = { ...plain, source: address('198.18.1.2'), destination: address('198.18.1.1') }
    send(port1, frameOf(back))
    const arrived = { ...plain, source: address('198.18.0.2'), destination: address('198.18.0.1') }
    expect(bytesOf(port0)).toEqual([frameOf(arrived, MAC0)])
  })

  test('leaves a group address in the link header', async () => {
    const { port0, port1 } = await pair()
    const group = [0x33, 0x33, 0, 0, 0, 1]
    const packet = { ...plain6, destination: address('ff02:0:0:0:0:0:0:1') }
    send(port0, frameOf(packet, group))
    const flipped = { ...packet, source: address('2001:db8:0:1:0:0:0:1') }
    expect(bytesOf(port1)).toEqual([frameOf(flipped, group)])
  })

  test('keeps the queue', async () => {
    const { port0, port1, sn1 } = await pair(makeNet(), { txqs: 4, rxqs: 4 })
    for (const queue of [3, 1, 3, 0]) port0.transmit(frameOf(plain), queue)
    port0.drain()
    expect(port1.received.map(({ queue }) => queue).sort()).toEqual([0, 1, 3, 3])
    expect(sn1.numRxQueues).toBe(4)
  })

  test('drops what it cannot translate, with a reason', async () => {
    const { port0, port1, sn0 } = await pair()
    send(port0, ...numbered(1))
    expect([sn0.counters.drops().tx[SKB_DROP_REASON_UNHANDLED_PROTO], port1.received]).toEqual([1, []])
  })

  test('counts what it takes to a peer that is down as dropped there', async () => {
    const { port0, port1, sn1 } = await pair()
    await devClose(sn1)
    send(port0, frameOf(plain))
    expect([port1.received, sn1.counters.drops().rx[SKB_DROP_REASON_DEV_READY]]).toEqual([[], 1])
    await devOpen(sn1)
    send(port0, frameOf(plain))
    expect(port1.received.length).toBe(1)
  })

  test('drops what has nowhere to go, when the peer is gone', async () => {
    const { port0, sn0, sn1 } = await pair()
    await unregisterNetdev(sn1)
    send(port0, frameOf(plain))
    expect(sn0.counters.drops().tx[SKB_DROP_REASON_DEV_READY]).toBe(1)
  })

  test('completes checksums for a peer without offloads', async () => {
    const memory = makeNet()
    const specs = await pair(memory)
    specs.sn1.features = 0
    const partial = frameOf({ ...plain, checksum: 'partial' })
    specs.port0.transmit(partial, 0, { ipSummed: 3, csumStart: 34, csumOffset: 6 })
    specs.port0.drain()
    const flipped = { ...plain, source: address('198.18.1.1'), destination: address('198.18.1.2') }
    expect(bytesOf(specs.port1)).toEqual([frameOf(flipped, MAC1)])
  })
})
