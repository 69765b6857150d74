import { describe, expect, test } from 'vitest'
import { MemoryPlatform, type MemoryPort } from '#src/bed/memory-port.ts'
import { IFF_PROMISC } from '#src/netdev/if.ts'
import type { LinkChange } from '#src/netdev/port.ts'
import { Ring } from '#src/skb/ring.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { type OpenPort, portConformance, type UserChange } from '#support/port-conformance.ts'

/** The last byte of a flow's source address chooses the queue, as a hash would. */
function flowOf(bytes: Uint8Array): number {
  return bytes[29] ?? 0
}

function change(port: MemoryPort, user: UserChange): void {
  if ('up' in user) {
    port.change({ kind: user.up ? 'up' : 'down' })
  } else if ('mtu' in user) {
    port.change({ kind: 'mtu', mtu: user.mtu })
  } else if ('address' in user) {
    port.change({ kind: 'address', address: user.address })
  } else if ('name' in user) {
    port.change({ kind: 'renamed', name: user.name })
  } else {
    port.change({ kind: 'txqueuelen', txQueueLen: user.txQueueLen })
  }
}

function hosted(port: MemoryPort): OpenPort {
  return {
    port,
    hostOpens: () => {},
    hostSend: bytes => port.transmit(bytes, flowOf(bytes) % port.queues.length),
    // A port in memory delivers frames to its kernel immediately.
    hostReceive: async () => port.received.shift()?.bytes ?? new Uint8Array(),
    userSets(...users) {
      for (const user of users) {
        change(port, user)
      }
    },
    userDeletes: () => port.change({ kind: 'gone' }),
    setRoom: frames => {
      port.room = frames
    },
  }
}

describe('a port in memory', () => {
  portConformance(async () => {
    const platform = new MemoryPlatform()
    return { open: async spec => hosted(await platform.open(spec)), close: async () => {} }
  })

  async function memoryPort() {
    const pool = new PoisonedPool({ large: 8, small: 8 })
    const slots = pool.openAccount(() => {})
    const platform = new MemoryPlatform()
    const port = await platform.open({ name: 'm%d', queues: 2, features: 0, slots })
    await port.apply({ up: true })
    return { pool, platform, port }
  }

  test('a memory port keeps received frames with their queue, or passes them to onFrame', async () => {
    const { pool, port } = await memoryPort()
    const submit = (queue: number) => {
      const ring = new Ring(1)
      const skb = pool.alloc(20) as SkBuff
      skb.put(20)
      ring.push(skb)
      port.queues[queue]?.submit(ring)
    }
    submit(1)
    expect(port.received.map(({ queue, bytes }) => [queue, bytes.length])).toEqual([[1, 20]])
    const lengths: number[] = []
    port.onFrame = skb => void lengths.push(skb.len)
    submit(0)
    expect([lengths, port.received.length, pool.out]).toEqual([[20], 1, 0])
  })

  test('a memory port reports changes of groups, addresses and flags', async () => {
    const { port } = await memoryPort()
    const told: LinkChange[] = []
    port.onChange(change => void told.push(change))
    const multicast = [Uint8Array.of(1, 0, 94, 0, 0, 1)]
    port.change({ kind: 'multicast', multicast })
    port.change({ kind: 'flags', flags: port.link.flags })
    port.change({ kind: 'flags', flags: port.link.flags | IFF_PROMISC })
    await port.apply({ addresses: ['198.18.0.1/24'], linkKsettings: { speed: 10, duplex: 'full' } })
    expect(told.map(({ kind }) => kind)).toEqual(['multicast', 'flags', 'addresses'])
    expect([port.link.multicast, port.addresses, port.linkKsettings]).toEqual([
      multicast,
      ['198.18.0.1/24'],
      { speed: 10, duplex: 'full' },
    ])
  })

  test('a pattern becomes the first name that is free at the time', async () => {
    const { platform, port } = await memoryPort()
    expect([platform.allocName('m%d'), platform.allocName('plain')]).toEqual(['m1', 'plain'])
    port.change({ kind: 'renamed', name: 'other' })
    expect(platform.allocName('m%d')).toBe('m0')
  })

  test('a memory port is found by its present name until it is closed', async () => {
    const { platform, port } = await memoryPort()
    port.change({ kind: 'renamed', name: 'other' })
    expect(platform.port('other')).toBe(port)
    expect(() => platform.port('m0')).toThrow('no such interface')
    await port.close()
    expect(() => platform.port('other')).toThrow('no such interface')
  })

  test('a memory port refuses a frame that fits no slot, and drains waiting frames to a listener', async () => {
    const { port } = await memoryPort()
    expect(() => port.transmit(new Uint8Array(70_000))).toThrow('EINVAL')
    let told = 0
    port.queues[0]?.listen(() => {
      told++
    })
    port.transmit(new Uint8Array(60))
    port.drain()
    expect(told).toBe(0)
    port.queues[0]?.resume()
    port.drain()
    expect(told).toBe(1)
    // A port polls until its frames are read.
    await port.close()
  })

  test('repeat sends one frame many times, and each copy may be changed by itself', async () => {
    const { port, pool } = await memoryPort()
    const [queue] = port.queues
    queue?.repeat(Uint8Array.of(...new Array(13).fill(1), 7), 20)
    const into: SkBuff[] = []
    let read = 0
    for (let n = queue?.read(into, 6) ?? 0; n > 0; n = queue?.read(into, 6) ?? 0) {
      for (const skb of into.slice(0, n)) {
        expect(skb.bytes[skb.data + 13]).toBe(7)
        skb.bytes[skb.data + 13] = 0
        skb.free()
      }
      read += n
    }
    expect([read, pool.out]).toEqual([20, 0])
  })
})
