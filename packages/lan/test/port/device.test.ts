import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { ENETDOWN, EOPNOTSUPP } from '#src/base/errno.ts'
import { UsageError } from '#src/base/usage-error.ts'
import * as flags from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import {
  cutCable,
  devClose,
  devOpen,
  netifCarrierOff,
  netifCarrierOn,
  plugCable,
} from '#src/netdev/netif.ts'
import * as reasons from '#src/skb/drop-reason.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { type LanOptions, lanDriver } from '#support/lan-driver.ts'
import { addDriver, freshNet, memoryNets } from '#support/memory-net.ts'
import { portAddress } from '../../src/port/device.ts'
import { addLan, settle } from '../lan-net.ts'
import { BROADCAST, CLIENT, datagram, GATEWAY, ping, udp } from '../packets.ts'

const makeNet = memoryNets()
const memory = freshNet()
const driver = lanDriver()

describe('the lan driver', () => {
  test('the lan driver creates an Ethernet port with ARP, broadcast and multicast, and no IP addresses', async () => {
    const { specs, devices, ports } = await addDriver(makeNet(), driver)
    const [dev] = devices as [NetDevice]
    expect(dev).toMatchObject({
      name: 'eth0',
      type: flags.ARPHRD_ETHER,
      mtu: 1500,
      features: flags.NETIF_F_ALL_TAP | flags.NETIF_F_GSO,
    })
    expect(
      dev.flags &
        (flags.IFF_NOARP | flags.IFF_LOOPBACK | flags.IFF_BROADCAST | flags.IFF_MULTICAST),
    ).toBe(flags.IFF_BROADCAST | flags.IFF_MULTICAST)
    expect(specs[0]?.addresses).toBeUndefined()
    expect(ports[0]?.linkKsettings).toEqual({
      speed: 1000,
      duplex: 'full',
      autoneg: true,
      port: 'tp',
    })
    const fast = await addDriver(makeNet(), driver, { speed: 25_000 })
    expect(fast.ports[0]?.linkKsettings).toEqual({
      speed: 25_000,
      duplex: 'full',
      autoneg: false,
      port: 'fibre',
    })
  })

  test('the lan driver creates a port for each argument or --name, in its namespace', async () => {
    const { specs } = await addDriver(memory, driver, {}, { args: ['eth8', 'far/eth9', 'eth7'] })
    expect(specs.map(({ dev, netns }) => [dev.name, netns])).toEqual([
      ['eth8', undefined],
      ['eth9', 'far'],
      ['eth7', undefined],
    ])
    expect(
      (await addDriver(memory, driver, {}, { names: ['a', 'b'] })).devices.map(({ name }) => name),
    ).toEqual(['a', 'b'])
  })

  test('--speed accepts the speeds of Ethernet only', () => {
    expect(driver.params.speed.parse('2500')).toBe(2500)
    expect(() => driver.params.speed.parse('12')).toThrow(UsageError)
  })
})

describe('the link of a lan port', () => {
  const slow = async (args = ['eth8'], options: LanOptions = {}) => {
    const memory = makeNet()
    const net = await addLan(memory, options, { negotiation: 1500 }, args)
    return { ...net, memory, dev: net.devices[0] as NetDevice }
  }

  test('a lan port has no carrier until it has negotiated, each time it is brought up', async () => {
    const { devices, ports } = await addDriver(memory, driver, {}, { down: true })
    const [dev] = devices as [NetDevice]
    expect([dev.carrier, ports[0]?.carrier]).toEqual([false, false])
    for (let i = 0; i < 2; i++) {
      await devOpen(dev)
      memory.clock.advance(1500 * NSEC_PER_MSEC - 1)
      expect(ports[0]?.carrier).toBe(false)
      memory.clock.advance(1)
      expect(ports[0]?.carrier).toBe(true)
      await devClose(dev)
      expect(ports[0]?.carrier).toBe(false)
    }
  })

  test('a lan port that is brought down while it negotiates gets no carrier', async () => {
    const { dev, memory, port } = await slow()
    await devClose(dev)
    memory.clock.advance(10 * NSEC_PER_SEC)
    expect([port.carrier, memory.clock.armed]).toEqual([false, 0])
  })

  test('a lan port without a carrier neither sends nor receives', async () => {
    const { ask, dev, devices, memory, ports, segment } = await slow(['eth8', 'eth9'])
    expect(ask(ping(GATEWAY))).toEqual([])
    expect(devices[0]?.counters.drops().tx[reasons.SKB_DROP_REASON_TX_CARRIER]).toBe(1)
    memory.clock.advance(1500 * NSEC_PER_MSEC)
    expect([segment.stations.length, ask(ping(GATEWAY)).length]).toEqual([3, 1])
    await devClose(dev)
    expect(ask(ping({ ...GATEWAY, mac: BROADCAST }), {}, ports[1])).toEqual([])
    expect(ports[0]?.received).toHaveLength(1)
    expect(segment.stations).toHaveLength(2)
  })

  test('the fault flap takes the carrier away for the time of a negotiation', async () => {
    const { dev, memory, port, segment } = await slow()
    memory.clock.advance(1500 * NSEC_PER_MSEC)
    expect(dev.netdevOps.ndoTrigger?.(dev, 'flap', undefined)).toBe(0)
    expect([port.carrier, segment.stations.length]).toEqual([false, 1])
    memory.clock.advance(1500 * NSEC_PER_MSEC)
    expect([port.carrier, segment.stations.length]).toEqual([true, 2])
    expect(dev.netdevOps.ndoTrigger?.(dev, 'lockup', undefined)).toBe(-EOPNOTSUPP)
    await devClose(dev)
    expect(dev.netdevOps.ndoTrigger?.(dev, 'flap', undefined)).toBe(-ENETDOWN)
  })

  test('a lan port has no carrier while its cable is cut, and negotiates again when that is plugged in', async () => {
    const { dev, memory, port, segment } = await slow()
    memory.clock.advance(1500 * NSEC_PER_MSEC)
    cutCable(dev)
    expect([port.carrier, segment.stations.length]).toEqual([false, 1])
    await devClose(dev)
    await devOpen(dev)
    expect(dev.netdevOps.ndoTrigger?.(dev, 'flap', undefined)).toBe(0)
    memory.clock.advance(3000 * NSEC_PER_MSEC)
    expect([port.carrier, segment.stations.length]).toEqual([false, 1])
    plugCable(dev)
    expect(port.carrier).toBe(false)
    memory.clock.advance(1500 * NSEC_PER_MSEC)
    expect([port.carrier, segment.stations.length]).toEqual([true, 2])
  })

  test('a lan port with its carrier off neither sends nor receives', async () => {
    const { ask, devices, ports } = await addLan(memory, {}, {}, ['eth8', 'eth9'])
    const [eth8, eth9] = devices as [NetDevice, NetDevice]
    netifCarrierOff(eth9)
    ask(ping({ ...GATEWAY, mac: BROADCAST }))
    expect(eth9.counters.drops().rx[reasons.SKB_DROP_REASON_DEV_READY]).toBe(1)
    expect(ask(ping(GATEWAY), {}, ports[1])).toEqual([])
    netifCarrierOn(eth9)
    expect(ask(ping(GATEWAY), {}, ports[1])).toHaveLength(1)
    expect(eth8.counters.drops().rx[reasons.SKB_DROP_REASON_DEV_READY]).toBe(0)
  })
})

describe('two lan ports', () => {
  test('two lan ports reach each other, and the hosts reach both', async () => {
    const { ask, ports } = await addLan(memory, {}, {}, ['eth8', 'eth9'])
    const [eth8, eth9] = ports
    const other = { mac: CLIENT.mac.with(5, 8), ip: CLIENT.ip.with(3, 51) }
    // The switch has learned both from other frames.
    ask(ping(GATEWAY))
    ask(ping(GATEWAY, [], { from: other }), {}, eth9)
    const [one, two] = [eth8?.received.length, eth9?.received.length]
    ask(udp(other, 5000, 'hello'))
    ask(udp(CLIENT, 5000, 'you too', { from: other }), {}, eth9)
    expect(eth9?.received.slice(two).map(frame => datagram(frame).text)).toEqual(['hello'])
    expect(eth8?.received.slice(one).map(frame => datagram(frame).text)).toEqual(['you too'])
  })

  test('ports of two drivers are on two segments', async () => {
    const one = await addLan(memory, {}, {}, ['eth8'])
    const { ports } = await addDriver(memory, driver, { negotiation: 0 }, { args: ['eth9'] })
    one.port.transmit(ping({ ...GATEWAY, mac: BROADCAST }))
    one.port.drain()
    settle(memory, one)
    expect(ports[0]?.received).toEqual([])
  })
})

test('a reply is received on the queue of its request, padded as on a wire', async () => {
  const { ask } = await addLan(memory)
  const [answer] = ask(ping(GATEWAY, []))
  expect([answer?.queue, answer?.bytes.length]).toEqual([1, 60])
})

describe('a rate limit', () => {
  const limited = { speed: 10, rateLimit: true }
  // 1500 bytes on the wire, 1.2 ms at 10 Mbit/s.
  const frame = udp(GATEWAY, 9, new Array(1476 - 42).fill(0))

  test('a rate limit limits frames to the segment to the speed', async () => {
    const { port, segment } = await addLan(memory, {}, limited)
    port.queues[0]?.repeat(frame, 200)
    port.drain()
    memory.clock.advance(100 * NSEC_PER_MSEC)
    expect(segment.stats.in).toBeGreaterThanOrEqual(83)
    expect(segment.stats.in).toBeLessThanOrEqual(85)
    memory.clock.advance(NSEC_PER_SEC)
    memory.made = -segment.stats.taken
  })

  test('a rate limit is a stage after those of the wire, which remains when they are replaced', async () => {
    const { devices } = await addLan(memory, {}, { ...limited, wireAb: 'delay 1ms' })
    const [ab, ba] = devices[0]?.wires ?? []
    const line = 'rate 10mbit 24 burst 1250b'
    expect([ab?.text, ba?.text]).toEqual([`delay 1ms | ${line}`, line])
    ab?.change('', { filter: () => expect.unreachable(), file: () => expect.unreachable() })
    expect(ab?.text).toBe(line)
  })

  test('a rate limit limits frames from the segment to the speed', async () => {
    const memory = makeNet({ large: 1024, small: 1024 })
    const { port, ports, segment } = await addLan(memory, {}, limited, ['eth8', 'eth9'])
    const unlimited = { receive: (skb: SkBuff) => skb.free() }
    for (let i = 0; i < 300; i++) {
      const skb = memory.pool.alloc(1476)
      skb?.bytes.set(frame, skb.put(1476))
      skb?.bytes.set(BROADCAST, skb.data)
      // As if sent by another port, which has no limit.
      segment.stats.made++
      if (skb) {
        segment.send(skb, unlimited)
      }
    }
    memory.clock.advance(100 * NSEC_PER_MSEC)
    memory.net.flush()
    expect(port.received.length).toBeGreaterThanOrEqual(83)
    expect(port.received.length).toBeLessThanOrEqual(85)
    memory.clock.advance(NSEC_PER_SEC)
    memory.net.flush()
    expect(ports.map(({ received }) => received.length)).toEqual([300, 300])
    memory.made = segment.stats.made - segment.stats.taken
    segment.detach(unlimited)
  })

  test('frames that wait for their time on a port that is taken down are dropped and counted', async () => {
    const { port, devices, segment } = await addLan(memory, {}, limited)
    const [dev] = devices as [NetDevice]
    port.queues[0]?.repeat(frame, 20)
    port.drain()
    memory.clock.advance(2 * NSEC_PER_MSEC)
    await devClose(dev)
    memory.clock.advance(NSEC_PER_SEC)
    expect([segment.stats.in, dev.counters.drops().tx[reasons.SKB_DROP_REASON_TX_CARRIER]]).toEqual(
      [2, 18],
    )
    memory.made = -segment.stats.taken
  })
})

const names = Array.from({ length: 500 }, (_, i) => `eth${i}`)

test('a port name always makes the same locally administered address, and another name another one', () => {
  const addresses = names.map(name => portAddress(name))
  expect(addresses).toEqual(names.map(name => portAddress(name)))
  expect(new Set(addresses.map(String)).size).toBe(names.length)
  expect(addresses.every(({ length, 0: first }) => length === 6 && (first! & 3) === 2)).toBe(true)
})

test('an OUI replaces the first three bytes of the address only', () => {
  const address = portAddress('eth9', Uint8Array.of(0, 0x1b, 0x21))
  expect([...address]).toEqual([0, 0x1b, 0x21, ...portAddress('eth9').subarray(3)])
})
