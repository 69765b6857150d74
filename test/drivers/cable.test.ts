import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { driver } from '#src/drivers/cable.ts'
import { NETDEV_UNREGISTER } from '#src/netdev/if.ts'
import { cutCable, devClose, devOpen, netifCarrierOk, plugCable } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import * as reasons from '#src/skb/drop-reason.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4 } from '#src/skb/sk-buff.ts'
import { forAll, forAllAsync } from '#support/for-all.ts'
import { addDriver, type MemoryNet, memoryNets, sendAll } from '#support/memory-net.ts'

const makeNet = memoryNets()

async function cable(
  memory: MemoryNet = makeNet(),
  options: { down?: boolean; txqs?: number; rxqs?: number } = {},
) {
  const { devices, ports, specs } = await addDriver(
    memory,
    driver,
    {},
    { args: ['a', 'b'], ...options },
  )
  const [a, b] = devices as [(typeof devices)[0], (typeof devices)[0]]
  const [portA, portB] = ports as [MemoryPort, MemoryPort]
  return { memory, a, b, portA, portB, specs }
}

function octets(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31) & 0xff)
}

describe('the cable driver', () => {
  test('a cable joins two interfaces, each in its namespace, without addresses', async () => {
    const { specs } = await addDriver(makeNet(), driver, {}, { args: ['x/a', '/proc/7/ns/net/b'] })
    expect(specs.map(({ dev, netns, addresses }) => [dev.name, netns, addresses])).toEqual([
      ['a', 'x', undefined],
      ['b', '/proc/7/ns/net', undefined],
    ])
  })

  test.each([[[]], [['a']], [['a', 'b', 'c']]])(
    'a cable takes exactly two interfaces, not %j',
    async args => {
      await expect(addDriver(makeNet(), driver, {}, { args })).rejects.toThrow(UsageError)
    },
  )

  test('a cable passes any frame unchanged, in both directions, in order, on its queue', async () => {
    const frames = fc.array(
      fc.record({ bytes: fc.uint8Array({ minLength: 14, maxLength: 300 }), queue: fc.nat(2) }),
    )
    const { portA, portB, memory } = await cable(makeNet(), { txqs: 3, rxqs: 3 })
    forAll(50, [frames, fc.boolean()], (sent, forth) => {
      const [from, to] = forth ? [portA, portB] : [portB, portA]
      for (const { bytes, queue } of sent) {
        from.transmit(bytes, queue)
      }
      from.drain()
      const received = to.received.splice(0)
      for (let q = 0; q < 3; q++) {
        const of = (list: readonly { bytes: Uint8Array; queue: number }[]) =>
          list.filter(({ queue }) => queue === q).map(({ bytes }) => [...bytes])
        expect(of(received)).toEqual(of(sent))
      }
      expect(from.received).toEqual([])
      memory.conserved()
    })
  })

  test('a cable passes offloads on unchanged', async () => {
    const { portA, portB } = await cable()
    const info = {
      ipSummed: CHECKSUM_PARTIAL,
      csumStart: 34,
      csumOffset: 16,
      gsoSize: 1448,
      gsoType: SKB_GSO_TCPV4,
    }
    portA.transmit(octets(30_000), 0, info)
    portA.drain()
    expect(portB.received).toEqual([{ bytes: octets(30_000), queue: 0, ...info }])
  })

  test('a cable passes frames up to the receiver’s MTU with a VLAN tag, and counts longer ones', async () => {
    const { portA, portB, a } = await cable()
    portB.change({ kind: 'mtu', mtu: 1000 })
    for (const length of [1018, 1019, 1514]) {
      portA.transmit(octets(length))
    }
    portA.drain()
    expect(portB.received.map(({ bytes }) => bytes.length)).toEqual([1018])
    expect(a.counters.drops().tx[reasons.SKB_DROP_REASON_PKT_TOO_BIG]).toBe(2)
    for (const length of [1518, 1519]) {
      portB.transmit(octets(length))
    }
    portB.drain()
    expect(portA.received.map(({ bytes }) => bytes.length)).toEqual([1518])
    portB.change({ kind: 'mtu', mtu: 9000 })
    sendAll(portA, octets(9018))
    expect(portB.received.at(-1)?.bytes).toEqual(octets(9018))
  })

  test('a cable drops frames shorter than a link header', async () => {
    const { portA, portB, a } = await cable()
    for (const length of [13, 14]) {
      portA.transmit(octets(length))
    }
    portA.drain()
    expect(portB.received.map(({ bytes }) => bytes.length)).toEqual([14])
    expect(a.counters.drops().tx[reasons.SKB_DROP_REASON_PKT_TOO_SMALL]).toBe(1)
  })

  test('a cable drops frames for a receiver that is down or unregistered', async () => {
    const { portA, a, b } = await cable()
    await devClose(b)
    sendAll(portA, octets(60))
    expect(a.counters.drops().tx[reasons.SKB_DROP_REASON_DEV_READY]).toBe(1)
    await unregisterNetdev(b)
    sendAll(portA, octets(60))
    expect(a.counters.drops().tx[reasons.SKB_DROP_REASON_DEV_READY]).toBe(2)
  })

  test('packets in the wire when an end is deleted are in the last statistics of their sender', async () => {
    const memory = makeNet()
    const { devices, ports } = await addDriver(
      memory,
      driver,
      { wire: 'delay 1s' },
      { args: ['a', 'b'] },
    )
    const [a, b] = devices as [(typeof devices)[0], (typeof devices)[0]]
    for (const port of ports as MemoryPort[]) {
      sendAll(port, octets(60))
    }
    const atEnd: (number | undefined)[] = []
    memory.net.registerNetdeviceNotifier((event, dev) => {
      if (event === NETDEV_UNREGISTER) {
        atEnd.push(dev.counters.drops().tx[reasons.SKB_DROP_REASON_DEV_STOPPED])
      }
    })
    await unregisterNetdev(a)
    await unregisterNetdev(b)
    expect(atEnd).toEqual([1, 1])
  })
})

describe('the carrier', () => {
  test('a cable has a carrier when both ends are up, in either order', async () => {
    for (const forth of [true, false]) {
      const { a, b, portA, portB, memory } = await cable(makeNet(), { down: true })
      const [first, second] = forth ? [a, b] : [b, a]
      const ports = forth ? [portA, portB] : [portB, portA]
      await devOpen(first)
      expect(ports[0]?.carrier).toBe(false)
      await devOpen(second)
      expect([portA.carrier, portB.carrier]).toEqual([true, true])
      for (const dev of [...memory.net.devices]) {
        await unregisterNetdev(dev)
      }
    }
  })

  test('an end of a cable loses its carrier when its peer is deleted, also from outside', async () => {
    const { portA, b } = await cable()
    await unregisterNetdev(b)
    expect(portA.carrier).toBe(false)
    const other = await cable()
    other.portB.change({ kind: 'gone' })
    expect(other.portA.carrier).toBe(false)
  })

  test('a cut cable takes the carrier of both ends and drops frames as TX_CARRIER until it is plugged in', async () => {
    const { a, b, portA, portB } = await cable()
    cutCable(a)
    expect([portA.carrier, portB.carrier]).toEqual([false, false])
    for (const port of [portA, portB]) {
      port.transmit(octets(60))
    }
    for (const port of [portA, portB]) {
      port.drain()
    }
    expect([a, b].map(dev => dev.counters.drops().tx[reasons.SKB_DROP_REASON_TX_CARRIER])).toEqual([
      1, 1,
    ])
    expect([portA.received, portB.received]).toEqual([[], []])
    plugCable(b)
    expect([portA.carrier, portB.carrier]).toEqual([true, true])
    sendAll(portA, octets(60))
    expect(portB.received).toHaveLength(1)
  })

  test('a cut cable has no carrier after its links go down and up', async () => {
    const { a, b, portA, portB } = await cable()
    cutCable(b)
    for (const dev of [a, b]) {
      await devClose(dev)
      await devOpen(dev)
    }
    expect([portA.carrier, portB.carrier]).toEqual([false, false])
    plugCable(b)
    expect([portA.carrier, portB.carrier]).toEqual([true, true])
  })

  test('an end that is up has a carrier if its peer is up and the cable whole, after events in any order', async () => {
    const event = fc.constantFrom(
      'up a',
      'down a',
      'up b',
      'down b',
      'up a',
      'up b',
      'delete a',
      'delete b',
      'cut a',
      'cut b',
      'plug a',
      'plug b',
    )
    await forAllAsync(200, [fc.array(event, { maxLength: 14 })], async events => {
      const memory = makeNet()
      const { a, b, portA, portB } = await cable(memory, { down: true })
      const ends = {
        a: { dev: a, port: portA, up: false, there: true },
        b: { dev: b, port: portB, up: false, there: true },
      }
      let isCut = false
      for (const each of events) {
        const [verb, name] = each.split(' ') as [string, 'a' | 'b']
        const end = ends[name]
        if (!end.there) continue
        if (verb === 'delete') {
          end.port.change({ kind: 'gone' })
          end.there = false
          end.up = false
        } else if (verb === 'cut' || verb === 'plug') {
          if (verb === 'cut') {
            cutCable(end.dev)
          } else {
            plugCable(end.dev)
          }
          isCut = verb === 'cut'
        } else {
          await (verb === 'up' ? devOpen : devClose)(end.dev)
          end.up = verb === 'up'
        }
        for (const [self, peer] of [
          [ends.a, ends.b],
          [ends.b, ends.a],
        ] as const) {
          const carrier = peer.up && !isCut
          if (self.up) {
            expect([self.port.carrier, netifCarrierOk(self.dev)]).toEqual([carrier, carrier])
          }
        }
      }
      for (const dev of [...memory.net.devices]) {
        await unregisterNetdev(dev)
      }
    })
  })
})
