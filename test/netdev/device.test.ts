import { describe, expect, test, vi } from 'vitest'
import { E2BIG, EINVAL } from '#src/base/errno.ts'
import { random } from '#src/base/random.ts'
import { allocEtherdevMqs, allocNetdevMqs, ethHwAddrRandom } from '#src/netdev/eth.ts'
import {
  ARPHRD_ETHER,
  devValidName,
  IFF_BROADCAST,
  IFF_MULTICAST,
  isValidEtherAddr,
} from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devOpen, netifRx } from '#src/netdev/netif.ts'
import { registerNetdev } from '#src/netdev/register.ts'
import {
  linkStats64,
  linkStats64Fields,
  RX_PACKETS,
  TX_DROPPED,
  TX_ERRORS,
} from '#src/netdev/stats.ts'
import * as reasons from '#src/skb/drop-reason.ts'
import { OWNER_PORT } from '#src/skb/error.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { addDevice, freshNet, makeDevice } from '#support/memory-net.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'

const memory = freshNet()

describe('allocating a device', () => {
  test('allocEtherdevMqs needs no setup function', () => {
    const dev = allocEtherdevMqs({ priv: undefined })
    expect([dev.name, dev.mtu, dev.flags]).toEqual(['eth%d', 1500, IFF_BROADCAST | IFF_MULTICAST])
  })

  test('allocEtherdevMqs sets the common fields of Ethernet devices before it calls setup', () => {
    const setup = (allocated: NetDevice<{ x: number }>) => {
      allocated.mtu -= 100
    }
    const dev = allocEtherdevMqs({ priv: { x: 1 }, setup })
    expect(dev).toMatchObject({
      name: 'eth%d',
      type: ARPHRD_ETHER,
      mtu: 1400,
      minMtu: 68,
      maxMtu: 65521,
      hardHeaderLen: 14,
      addrLen: 6,
      txQueueLen: 1000,
      flags: IFF_BROADCAST | IFF_MULTICAST,
      priv: { x: 1 },
      numTxQueues: 1,
      numRxQueues: 1,
      broadcast: Uint8Array.of(255, 255, 255, 255, 255, 255),
    })
    expect(allocEtherdevMqs({ name: 'x', priv: 0 }).name).toBe('x')
  })

  test('a device has as many queues as requested', () => {
    const dev = allocNetdevMqs({ name: 'x', priv: undefined, setup: () => {}, txqs: 256, rxqs: 2 })
    expect([dev.tx.length, dev.numTxQueues, dev.numRxQueues]).toEqual([256, 256, 2])
    expect(dev.tx.map(txq => txq.index)).toEqual(Array.from({ length: 256 }, (_, i) => i))
  })

  test.each([
    [0, 1, EINVAL],
    [-1, 1, EINVAL],
    [257, 1, E2BIG],
    [257, 257, E2BIG],
    [1, 257, E2BIG],
    [1, 0, EINVAL],
    [2, 3, EINVAL],
    [1.5, 1, EINVAL],
    [1, 0.5, EINVAL],
    [Number.NaN, 1, EINVAL],
  ])(
    '%d transmit and %d receive queues are refused before setup is called',
    (txqs, rxqs, errno) => {
      const setup = vi.fn()
      const alloc = () => allocNetdevMqs({ name: 'x', priv: undefined, setup, txqs, rxqs })
      expect(alloc).toThrow(
        expect.objectContaining({ errno, syscall: `x: ${txqs} tx and ${rxqs} rx queues` }),
      )
      expect(setup).not.toHaveBeenCalled()
    },
  )

  test('a device may have as many queues as a TAP', () => {
    const dev = allocNetdevMqs({
      name: 'x',
      priv: undefined,
      setup: () => {},
      txqs: 256,
      rxqs: 256,
    })
    expect([dev.numTxQueues, dev.numRxQueues]).toEqual([256, 256])
  })

  test.each([
    '',
    '.',
    '..',
    'a/b',
    'a:b',
    'a b',
    'a\tb',
    'a\0b',
    'sixteen-octets-x',
    'a%d%d',
    'a%s',
    '%',
    'ü'.repeat(8),
  ])('the interface name %j is refused', name => {
    expect(devValidName(name)).toBe(false)
    const setup = vi.fn()
    expect(() => allocNetdevMqs({ name, priv: undefined, setup })).toThrow(
      expect.objectContaining({ errno: EINVAL, syscall: `interface name '${name}'` }),
    )
    expect(setup).not.toHaveBeenCalled()
  })

  test.each(['a', 'vnet%d', '%d', '%dx', 'fifteen-octets-', 'ü'.repeat(7), '...'])(
    'the interface name %j is accepted',
    name => {
      expect(devValidName(name)).toBe(true)
    },
  )
})

describe('a random hardware address', () => {
  test('a random hardware address is locally administered and unicast', () => {
    const chance = random(3)
    for (let i = 0; i < 100; i++) {
      const dev = makeDevice()
      ethHwAddrRandom(dev, chance)
      expect([(dev.devAddr[0] ?? 0) & 3, isValidEtherAddr(dev.devAddr)]).toEqual([2, true])
    }
  })

  test('every device gets another random hardware address', () => {
    const chance = random(3)
    const addresses = Array.from({ length: 50 }, () => {
      const dev = makeDevice()
      ethHwAddrRandom(dev, chance)
      return dev.devAddr.join(':')
    })
    expect(new Set(addresses).size).toBe(50)
  })
})

test('a valid address is not a group address, not zero, and has six bytes', () => {
  const valid = [
    [0, 0, 0, 0, 0, 1],
    [2, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 1],
    [2, 0, 0],
  ]
  expect(valid.map(octets => isValidEtherAddr(Uint8Array.from(octets)))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
})

test('a frame probe that is set before a device is registered is notified of its frames in both directions', async () => {
  const { net, platform, pool } = memory
  memory.made = 1
  const dev = makeDevice()
  const seen: string[] = []
  dev.frameProbe = {
    time: Number.NaN,
    cause: undefined,
    dropped: () => {},
    transmitted: () => seen.push('tx'),
    received: () => seen.push('rx'),
  }
  await registerNetdev(dev, net)
  await devOpen(dev)
  platform.port(dev.name).transmit(new Uint8Array(60))
  platform.port(dev.name).drain()
  const skb = pool.alloc(60) as SkBuff
  skb.put(60)
  skb.dev = dev
  netifRx(skb)
  expect(seen).toEqual(['tx', 'rx'])
  net.flush()
})

describe('counters', () => {
  const pool = new PoisonedPool({ large: 0, small: 4 })
  function frame(dev: NetDevice, len: number, queue: number): SkBuff {
    const skb = pool.alloc(len) as SkBuff
    skb.put(len)
    skb.dev = dev
    skb.queueMapping = queue
    return skb
  }

  test('counters are kept by queue and summed by device', () => {
    const dev = makeDevice({}, { txqs: 4, rxqs: 2 })
    for (const [len, queue] of [
      [60, 0],
      [100, 3],
      [1000, 3],
    ] as const) {
      const skb = frame(dev, len, queue)
      dev.counters.transmitted(skb.queueMapping, 1, skb.len)
      skb.consume()
    }
    const stats = (q: number) => {
      const { txPackets, txBytes, rxPackets, rxBytes } = linkStats64(dev.counters.queue(q))
      return [txPackets, txBytes, rxPackets, rxBytes]
    }
    expect([0, 1, 2, 3].map(stats)).toEqual([
      [1, 60, 1, 60],
      [0, 0, 2, 1100],
      [0, 0, 0, 0],
      [2, 1100, 0, 0],
    ])
    const { txPackets, txBytes, rxPackets, rxBytes } = linkStats64(dev.getStats64())
    expect([txPackets, txBytes, rxPackets, rxBytes]).toEqual([3, 1160, 3, 1160])
  })

  test('a drop is counted by its reason, on the side the frame is on', () => {
    const dev = makeDevice({}, { txqs: 2, rxqs: 2 })
    frame(dev, 60, 1).drop(reasons.SKB_DROP_REASON_FULL_RING)
    const received = frame(dev, 60, 1)
    received.owner = OWNER_PORT
    received.drop(reasons.SKB_DROP_REASON_NOMEM)
    const { tx, rx } = dev.counters.drops()
    expect([tx.indexOf(1), rx.indexOf(1)]).toEqual([
      reasons.SKB_DROP_REASON_FULL_RING,
      reasons.SKB_DROP_REASON_NOMEM,
    ])
    const { txDropped, rxDropped } = linkStats64(dev.counters.queue(1))
    expect([txDropped, rxDropped, linkStats64(dev.counters.queue(0)).txDropped]).toEqual([1, 1, 0])
  })

  test.each([reasons.SKB_DROP_REASON_MAX, -1, 1.5, Number.NaN, 'text' as unknown as number])(
    'a drop for %s, which is no reason, counts as NOT_SPECIFIED',
    reason => {
      const dev = makeDevice({}, { txqs: 2, rxqs: 2 })
      frame(dev, 60, 0).drop(reason)
      const { tx } = dev.counters.drops()
      expect([tx[reasons.SKB_DROP_REASON_NOT_SPECIFIED], tx.reduce((a, b) => a + b)]).toEqual([
        1, 1,
      ])
    },
  )

  test('counters of devices and queues are separate', () => {
    const dev = makeDevice({}, { txqs: 2 })
    const sum = dev.counters.sum()
    sum[RX_PACKETS] = 99
    expect(dev.counters.sum()[RX_PACKETS]).toBe(0)
    frame(dev, 60, 0).drop()
    expect([dev.counters.queue(0)[TX_DROPPED], dev.counters.queue(1)[TX_DROPPED]]).toEqual([1, 0])
  })

  test('statistics include the driver’s additions, unless it throws', async () => {
    let broken = false
    const { dev } = await addDevice(memory, {
      ndoGetStats64: (_, stats) => {
        if (broken) throw new Error('no counters')
        stats[TX_ERRORS] = (stats[TX_ERRORS] ?? 0) + 5
      },
    })
    expect([
      linkStats64(dev.getStats64()).txErrors,
      linkStats64(dev.getStats64()).txErrors,
    ]).toEqual([5, 5])
    broken = true
    expect(linkStats64(dev.getStats64()).txErrors).toBe(0)
    expect(memory.lines.at(-1)).toMatch(/^test0: ndoGetStats64: Error: no counters/)
  })

  test('LinkStats64 has the fields of rtnl_link_stats64, in the same order', () => {
    expect([linkStats64Fields.length, linkStats64Fields[0], linkStats64Fields.at(-1)]).toEqual([
      25,
      'rxPackets',
      'rxOtherhostDropped',
    ])
    const row = Float64Array.from({ length: 25 }, (_, i) => i)
    expect(Object.values(linkStats64(row))).toEqual([...row])
  })
})

test('a device that was not registered is on no Net', () => {
  expect(() => makeDevice().net).toThrow(expect.objectContaining({ errno: EINVAL }))
})
