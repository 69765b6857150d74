/** testBed with our own drivers, with a mirror, and with drivers that leave frames or timers. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { EFAULT, EPERM } from '#src/base/errno.ts'
import { arpRequest, testBed, udpFrame } from '#src/bed/index.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { defineDriver, int } from '#src/netdev/driver.ts'
import { allocEtherdevMqs } from '#src/netdev/eth.ts'
import { IFF_NOARP, IFF_UP, NETIF_F_ALL_TAP, SIOCDEVPRIVATE } from '#src/netdev/if.ts'
import { IRQ_HANDLED, IRQ_NONE, Irq } from '#src/netdev/irq.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose, ethTypeTrans, netifCarrierOff, netifRx } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import * as ethernet from '#src/packet/ethernet.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import {
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from '#src/skb/drop-reason.ts'
import { Ring } from '#src/skb/ring.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { LinuxWireResources } from '#src/wire/wire-resources.node.ts'
import { driverOf } from './bed-drivers.ts'

interface Mirror {
  readonly params: { readonly delay: number }
  readonly underWay: Ring
  irq?: Irq
}

/** Swaps the addresses of transmitted frames, and receives them after a delay, by an interrupt. */
const mirror = defineDriver({
  name: 'mirror',
  description: 'the machine sees itself',
  params: { delay: int({ default: 10, live: true, description: 'ms until a frame is back' }) },
  init(params) {
    const setup = (dev: NetDevice<Mirror>) => {
      dev.netdevOps = mirrorOps
      dev.flags |= IFF_NOARP
    }
    const priv: Mirror = { params, underWay: new Ring(64) }
    return [
      { dev: allocEtherdevMqs({ name: 'mirror%d', setup, priv }), addresses: ['198.18.0.1/24'] },
    ]
  },
})

const mirrorOps: NetDeviceOps<Mirror> = {
  ndoInit(dev) {
    dev.priv.irq = new Irq(dev as NetDevice)
  },
  ndoOpen(dev) {
    const { irq, underWay } = dev.priv
    irq?.request(() => {
      if (irq.acknowledge() === 0) return IRQ_NONE
      netifRx(underWay.shift() as SkBuff)
      return IRQ_HANDLED
    })
  },
  ndoStop: dev => void dev.priv.underWay.purge(SKB_DROP_REASON_DEV_STOPPED),
  ndoStartXmit(skb, dev) {
    if (ethTypeTrans(skb, dev as NetDevice) !== ethernet.ETH_P_IP) {
      return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)
    }
    ipv4.swapAddresses(skb.bytes, skb.nh)
    dev.priv.underWay.push(skb)
    const alarm = dev.net.clock.alarm(() => dev.priv.irq?.raise(1))
    alarm.at(dev.net.clock.now() + dev.priv.params.delay * NSEC_PER_MSEC)
  },
}

const frame = udpFrame({ from: '198.18.0.1', to: '198.18.0.9' })

describe('ping', () => {
  test('a driver with a delay, twice for each ping, is pinged at its pace without waiting', async () => {
    await using bed = await testBed(mirror, { delay: 5 })
    expect(bed.ping({ to: '198.18.0.9' })).toEqual({ sent: 1, received: 1, rtts: [10] })
    expect(bed.clock.now()).toBe(10 * NSEC_PER_MSEC)
    bed.params.delay = 1000
    const { received, rtts } = bed.ping({ count: 3, interval: '3s' })
    expect([received, ...rtts]).toEqual([3, 2000, 2000, 2000])
    expect(bed.balance()).toEqual({ in: 8, made: 0, out: 8, dropped: 0, held: 0 })
  })

  test('the far end of a driver is the address that is pinged', async () => {
    for (const make of [() => testBed(loop), () => testBed(snull)]) {
      await using bed = await make()
      expect(bed.ping({ count: 2 })).toEqual({ sent: 2, received: 2, rtts: [0, 0] })
      expect(bed.log.filter(line => line.includes('opened'))).toHaveLength(bed.devices.length)
      expect(bed.targetOf(bed.dev)).toEqual(Uint8Array.of(198, 18, 0, 2))
    }
  })

  test('hosts of the far network are pinged over ARP', async () => {
    await using bed = await testBed(snull, { arp: true, useNapi: true })
    expect(bed.ping({ to: '198.18.0.77', size: 1400 })).toMatchObject({ received: 1 })
  })

  test('the kernels at both ends of a cable resolve each other and reply', async () => {
    await using bed = await testBed(cable, { wireAb: 'delay 3ms' }, { args: ['a', 'b'] })
    const [a, b] = bed.devices
    expect(bed.ping()).toEqual({ sent: 1, received: 1, rtts: [6] })
    expect(bed.ping({ from: b, to: '198.18.0.1' }).rtts).toEqual([3])
    expect([bed.stats(a).txPackets, bed.stats(b).rxPackets]).toEqual([3, 3])
    await devClose(b as NetDevice)
    expect(bed.ping({ timeout: '1s' })).toEqual({ sent: 1, received: 0, rtts: [] })
  })

  test('a wire names the filters that the options have, and none without them', async () => {
    const wire = "match 'icmp' ( delay 3ms )"
    const options = { args: ['a', 'b'], wireResources: new LinuxWireResources() }
    await using bed = await testBed(cable, { wire }, options)
    expect(bed.ping()).toEqual({ sent: 1, received: 1, rtts: [6] })
    await expect(testBed(cable, { wire }, { args: ['a', 'b'] })).rejects.toThrow()
  })

  test('a lost request is waited for until the timeout, and a network without a route is an error', async () => {
    await using bed = await testBed(driverOf({}))
    expect(bed.ping({ timeout: '3s' })).toEqual({ sent: 1, received: 0, rtts: [] })
    expect([bed.clock.now(), bed.drops()]).toEqual([3 * NSEC_PER_SEC, { NOT_SPECIFIED: 1 }])
    expect(() => bed.ping({ to: '192.0.2.1' })).toThrow('test0: no route to 192.0.2.1')
  })

  test('the kernel ignores its own frames, frames for others and wrong checksums', async () => {
    let change = (_skb: SkBuff): void => {}
    const echo = driverOf({
      ndoStartXmit(skb) {
        change(skb)
        netifRx(skb)
      },
    })
    await using bed = await testBed(echo)
    bed.dev.flags |= IFF_NOARP
    const received = () => bed.ping({ timeout: '1s' }).received
    const swap = (skb: SkBuff) => ipv4.swapAddresses(skb.bytes, skb.data + 14)
    expect(received()).toBe(0)
    change = swap
    expect(received()).toBe(1)
    change = skb => {
      ipv4.setDestination(skb.bytes, skb.data + 14, ipv4.source(skb.bytes, skb.data + 14))
      ipv4.fillHeaderChecksum(skb.bytes, skb.data + 14)
    }
    expect(received()).toBe(0)
    for (const at of [0, 24, 40]) {
      change = skb => {
        swap(skb)
        skb.bytes[skb.data + at] ^= 4
      }
      expect(received()).toBe(0)
    }
    expect(bed.received).toHaveLength(7)
  })
})

describe('frames and time', () => {
  test('a frame is with the driver when transmit returns, and interrupts run at their moment', async () => {
    await using bed = await testBed(mirror, { delay: 5 })
    bed.transmit(frame)
    expect(bed.balance()).toMatchObject({ in: 1, held: 1 })
    bed.advance(4.999)
    expect(bed.received).toHaveLength(0)
    bed.advance('1us')
    expect(bed.received.map(({ bytes }) => [...bytes.subarray(26, 34)])).toEqual([
      [198, 18, 0, 9, 198, 18, 0, 1],
    ])
  })

  test('a frame that the kernel would not send is refused', async () => {
    await using bed = await testBed(
      driverOf({ ndoOpen: netifCarrierOff as never }),
      {},
      { up: false },
    )
    expect(() => bed.transmit(frame)).toThrow('the kernel transmits nothing on test0: it is down')
    await bed.port().apply({ up: true })
    expect(() => bed.transmit(frame)).toThrow('it has no carrier')
    bed.dev.carrier = true
    expect(() => bed.transmit(new Uint8Array(13))).toThrow(
      'a frame of 13 bytes has no whole header',
    )
    expect(() => bed.transmit(new Uint8Array(1519))).toThrow(
      '1519 bytes are more than its MTU of 1500',
    )
    expect(() => bed.transmit(new Uint8Array(4000), { gsoSize: 1000, gsoType: 1 })).toThrow(
      'dev.features',
    )
    bed.transmit(frame)
    expect(bed.stats().txDropped).toBe(1)
  })

  test('a device that offers segmentation gets whole GSO frames', async () => {
    const seen: number[][] = []
    const driver = driverOf(
      {
        ndoStartXmit(skb) {
          seen.push([skb.len, skb.gsoSize, skb.queueMapping])
          skb.drop()
        },
      },
      NETIF_F_ALL_TAP,
    )
    await using bed = await testBed(driver)
    bed.transmit(new Uint8Array(4000), { gsoSize: 1000, gsoType: 1 })
    expect(seen).toEqual([[4000, 1000, 0]])
  })

  test('a driver runs where a page has no shared memory and no setImmediate', async () => {
    for (const name of ['SharedArrayBuffer', 'setImmediate']) {
      vi.stubGlobal(name, undefined)
    }
    onTestFinished(() => void vi.unstubAllGlobals())
    await using bed = await testBed(mirror, { delay: 1 })
    expect(bed.ping().received).toBe(1)
  })

  test('frames of a capture are transmitted at their distances, and all frames are in one', async () => {
    await using first = await testBed(mirror, { delay: 1 })
    first.transmit(frame)
    first.advance('20ms')
    first.transmit(frame)
    first.advance('20ms')
    const file = first.pcap()
    await using second = await testBed(mirror, { delay: 1 })
    expect(second.transmitPcap(file)).toBe(2)
    expect(second.clock.now()).toBe(20 * NSEC_PER_MSEC)
    second.advance('1ms')
    const reader = new CaptureReader('a test bed')
    reader.push(second.pcap())
    reader.end()
    const seen: unknown[] = []
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      seen.push([record.interfaceName, record.nanoseconds / NSEC_PER_MSEC, record.flags])
    }
    expect(seen).toEqual([
      ['mirror0', 0, 2],
      ['mirror0', 1, 1],
      ['mirror0', 20, 2],
      ['mirror0', 21, 1],
    ])
  })
})

test('an ioctl reads and writes the memory of its caller, and nothing else', async () => {
  const driver = driverOf({
    ndoSiocdevprivate(_dev, ifr, data, cmd) {
      if (!data.mayChange) return -EPERM
      if (cmd === SIOCDEVPRIVATE + 1) return ifr[16]
      data.write(data.read(4).map(byte => byte + 1))
      return cmd === SIOCDEVPRIVATE + 2 ? data.read(5).length : 7
    },
  })
  await using bed = await testBed(driver)
  const data = Uint8Array.of(1, 2, 3, 4)
  expect(bed.ioctl(SIOCDEVPRIVATE, { data })).toMatchObject({
    result: 7,
    data: Uint8Array.of(2, 3, 4, 5),
  })
  expect(data[0]).toBe(1)
  expect(bed.ioctl(SIOCDEVPRIVATE).result).toBe(-EFAULT)
  expect(bed.ioctl(SIOCDEVPRIVATE + 2, { data }).result).toBe(-EFAULT)
  expect(bed.ioctl(SIOCDEVPRIVATE + 1, { ifru: Uint8Array.of(42) }).result).toBe(42)
  expect(bed.ioctl(SIOCDEVPRIVATE, { data, mayChange: false }).result).toBe(-EPERM)
})

describe('the end of a bed', () => {
  test('names a frame that the driver still holds', async () => {
    const kept: SkBuff[] = []
    const bed = await testBed(driverOf({ ndoStartXmit: skb => void kept.push(skb) }))
    bed.transmit(frame)
    await expect(bed.close()).rejects.toThrow(
      "test: a frame is held after the end: 'IP 198.18.0.1.50000 > 198.18.0.9.9: UDP, length 18' of test0",
    )
    await bed.close()
  })

  test('counts the frames that the driver still holds, and names one', async () => {
    const kept: SkBuff[] = []
    const bed = await testBed(driverOf({ ndoStartXmit: skb => void kept.push(skb) }))
    for (let i = 0; i < 3; i++) {
      bed.transmit(frame)
    }
    await expect(bed.close()).rejects.toThrow(
      /^test: 3 frames are held after the end, such as 'IP [^;']* length 18' of test0: hand on or free each, [^;]*$/,
    )
  })

  test('throws for a frame that was freed without a counter', async () => {
    const bed = await testBed(driverOf({ ndoStartXmit: skb => skb.free() }))
    bed.transmit(frame)
    await expect(bed.close()).rejects.toThrow(
      'frames were freed that neither the kernel received nor a drop counts: 1',
    )
  })

  test('throws for a timer that never stops', async () => {
    const again: NetDeviceOps<unknown> = {
      ndoStartXmit: skb => skb.drop(),
      ndoInit(dev) {
        const alarm = dev.net.clock.alarm(() => alarm.at(dev.net.clock.now() + NSEC_PER_SEC))
        alarm.at(0)
      },
    }
    const bed = await testBed(driverOf(again))
    await expect(bed.close()).rejects.toThrow('timers still run after the end: 1')
  })

  test('throws for an error in the log, unless errors are allowed', async () => {
    const throwing = driverOf({
      ndoStartXmit() {
        throw new Error('oops')
      },
    })
    const lines: string[] = []
    for (const allowErrors of [true, false]) {
      const bed = await testBed(throwing, {}, { allowErrors, onLog: line => lines.push(line) })
      bed.transmit(frame)
      expect(bed.drops()).toEqual({ DRIVER_EXCEPTION: 1 })
      if (allowErrors) {
        await bed.close()
      } else {
        await expect(bed.close()).rejects.toThrow(
          "test: it logged 'test0: ndoStartXmit: Error: oops",
        )
      }
    }
    expect(lines.filter(line => line.includes('oops'))).toHaveLength(2)
  })

  test('counts frames that the driver makes as no loss, and stops what is up', async () => {
    let stops = 0
    const doubling = driverOf({
      ndoStop: () => void stops++,
      ndoStartXmit(skb) {
        netifRx(skb.copy() as SkBuff)
        netifRx(skb)
      },
    })
    {
      await using bed = await testBed(doubling)
      bed.transmit(frame)
      expect(bed.received).toHaveLength(2)
    }
    expect(stops).toBe(1)
  })

  test('unloads a driver of which a device cannot be registered', async () => {
    let exits = 0
    const refusing = { ...driverOf({ ndoInit: () => -EPERM }), exit: () => void exits++ }
    await expect(testBed(refusing)).rejects.toThrow('EPERM')
    expect(exits).toBe(1)
  })
})

test('frames or polls that never end are an error, not a test that hangs', async () => {
  const storm = driverOf({
    ndoStartXmit(skb) {
      ethTypeTrans(skb, skb.dev as NetDevice)
      ethernet.swapAddresses(skb.bytes, skb.data)
      netifRx(skb)
    },
    ndoOpen(dev) {
      const alarm = dev.net.clock.alarm(() => alarm.at(dev.net.clock.now()))
      alarm.at(0)
    },
  })
  const bed = await testBed(storm)
  expect(() => bed.advance('1s')).toThrow('test: timers run without end')
})

test('without addresses the devices of a driver get 198.18.0.1 and so on, and options replace them', async () => {
  await using one = await testBed(cable, {}, { args: ['a', 'b'] })
  expect(one.platform.ports.map(({ addresses }) => addresses)).toEqual([
    ['198.18.0.1/24'],
    ['198.18.0.2/24'],
  ])
  await using other = await testBed(
    cable,
    {},
    { args: ['a', 'b'], addresses: [['192.0.2.1/30'], ['192.0.2.2/30']] },
  )
  expect(other.ping({ from: other.devices[1] })).toMatchObject({ received: 1 })
  await devClose(other.dev as NetDevice)
  expect(other.dev.flags & IFF_UP).toBe(0)
})

test('the private data of a driver keeps its type', async () => {
  await using bed = await testBed(mirror)
  const irq: Irq | undefined = bed.dev.priv.irq
  expect(irq?.count).toBe(0)
  // @ts-expect-error The field does not exist.
  expect(bed.dev.priv.lamp).toBeUndefined()
  // @ts-expect-error The parameter does not exist.
  await (await testBed(mirror, { speed: 3 })).close()
  expect(arpRequest({ from: '198.18.0.1', to: '198.18.0.9' })).toHaveLength(42)
})

test.each([[[]], [[{}]], [Promise.resolve([])]])(
  'testBed rejects when init returns no devices: %j',
  async specs => {
    const none = defineDriver({
      name: 'none',
      description: 'has no device',
      params: {},
      init: () => specs as never,
    })
    await expect(testBed(none)).rejects.toThrow(
      /^init of none: EINVAL, .*it must return a list of at least one device/,
    )
  },
)
