/**
 * What every Port does: the sentences of src/netdev/port.ts as tests, the same for a port in memory
 * and for a TAP. The factory plays the kernel's side, which is what differs.
 */
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EEXIST, ENOBUFS, errnoName, VnetError } from '#src/base/errno.ts'
import {
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_UP,
  NETIF_F_ALL_TAP,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
} from '#src/netdev/if.ts'
import type { LinkChange, LinkRequest, Port, PortQueue, PortSpec } from '#src/netdev/port.ts'
import {
  LINK_STATS64_LENGTH,
  RX_BYTES,
  RX_PACKETS,
  TX_BYTES,
  TX_PACKETS,
} from '#src/netdev/stats.ts'
import { SKB_DROP_REASON_DEV_READY, SKB_DROP_REASON_HDR_TRUNC } from '#src/skb/drop-reason.ts'
import type { SkBuffPool, SlotAccount } from '#src/skb/pool.ts'
import { Ring } from '#src/skb/ring.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { buildFrame, plain } from '../packet/frames.ts'
import { PoisonedPool } from './poisoned-pool.ts'

/** A user's change of an interface. */
export type UserChange =
  | { readonly up: boolean }
  | { readonly mtu: number }
  | { readonly address: Uint8Array }
  | { readonly txQueueLen: number }
  | { readonly name: string }

/** A port, and the kernel's side of it. */
export interface OpenPort {
  readonly port: Port
  /** The kernel's programs start to send and receive by the interface, which is up. */
  hostOpens(): void
  /**
   * The kernel sends a frame by the interface, which is up: it waits in one of the queues when this
   * returns.
   */
  hostSend(bytes: Uint8Array): void
  /** The next frame that the kernel receives by it. */
  hostReceive(): Promise<Uint8Array>
  /** Makes the changes one after the other. */
  userSets(...changes: readonly UserChange[]): void
  userDeletes(): void
  /** The kernel takes this many frames more, and then has no room. */
  setRoom(frames: number): void
}

export interface PortFactory {
  open(spec: PortSpec): Promise<OpenPort>
  /** After every test: whatever is left of its ports and their hosts. */
  close(): Promise<void>
}

/** Frames of 60 bytes of no known protocol, numbered in the last one. */
function frame(number: number, length = 60): Uint8Array {
  const octets = new Uint8Array(length).fill(0x5a)
  octets.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x88, 0xb5])
  octets[length - 1] = number
  return octets
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** Defines the tests; `make` is called before each. */
export function portConformance(make: () => Promise<PortFactory>): void {
  let factory: PortFactory
  let pool: SkBuffPool
  let slots: SlotAccount
  const opened: OpenPort[] = []

  beforeEach(async () => {
    factory = await make()
    pool = new PoisonedPool({ large: 16, small: 64 })
    slots = pool.openAccount(() => {})
  })

  afterEach(async () => {
    for (const { port } of opened.splice(0)) {
      await port.close()
    }
    await factory.close()
    expect([pool.out, slots.used]).toEqual([0, 0])
  })

  async function open(spec: Partial<PortSpec> = {}): Promise<OpenPort> {
    const one = await factory.open({ name: 'conf%d', queues: 1, features: 0, slots, ...spec })
    opened.push(one)
    return one
  }

  async function openUp(spec: Partial<PortSpec> = {}) {
    const one = await open(spec)
    await one.port.apply({ up: true })
    one.hostOpens()
    const [queue] = one.port.queues as [PortQueue]
    return { ...one, queue }
  }

  /** Records the changes that a port reports from now on; `until` waits for a change. */
  function changes(port: Port) {
    const told: LinkChange[] = []
    let wake = (): void => {}
    port.onChange(change => {
      told.push(change)
      wake()
    })
    const until = async (is: (change: LinkChange) => boolean): Promise<void> => {
      while (!told.some(is)) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    }
    return { told, until }
  }

  /** Reads all waiting frames, `max` at a time, and frees them. Returns their numbers. */
  function readAll(queue: PortQueue, max = 16): number[] {
    const into: SkBuff[] = []
    const numbers: number[] = []
    for (let n = queue.read(into, max); n > 0; n = queue.read(into, max)) {
      expect(n).toBeLessThanOrEqual(max)
      for (const skb of into.slice(0, n)) {
        numbers.push(skb.bytes[skb.data + skb.len - 1])
        skb.free()
      }
    }
    return numbers
  }

  /**
   * Returns a ring of numbered frames of these lengths, and the lists of received and dropped ones.
   */
  function ringOf(lengths: readonly number[], pools: readonly SkBuffPool[] = [pool]) {
    const ring = new Ring(64)
    const received: number[] = []
    const drops: number[] = []
    const dev = {
      name: 'dev',
      countReceived: (skb: SkBuff) => void received.push(skb.len),
      countDrop: (_: SkBuff, reason: number) => void drops.push(reason),
    }
    for (const [i, length] of lengths.entries()) {
      const skb = pools[i % pools.length]?.alloc(length) as SkBuff
      skb.bytes.set(frame(i, Math.max(length, 14)).subarray(-length), skb.put(length))
      if (length >= 14) {
        skb.bytes.set(frame(i, length), skb.data)
      }
      skb.dev = dev
      ring.push(skb)
    }
    return { ring, received, drops }
  }

  /** Waits for a few rounds of the event loop, so that pending changes are reported. */
  async function settle(): Promise<void> {
    for (let i = 0; i < 5; i++) {
      await new Promise<void>(resolve => setImmediate(resolve))
    }
  }

  async function receiveNumbers(host: OpenPort, n: number): Promise<number[]> {
    const numbers: number[] = []
    for (let i = 0; i < n; i++) {
      numbers.push((await host.hostReceive()).at(-1) as number)
    }
    return numbers
  }

  describe('opening', () => {
    test('opening makes an Ethernet interface that is down, with the requested queues', async () => {
      const { port } = await open({ queues: 3 })
      const { name, ifindex, flags, mtu, address, txQueueLen } = port.link
      expect([port.created, port.queues.length, name, mtu, txQueueLen]).toEqual([
        true,
        3,
        'conf0',
        1500,
        1000,
      ])
      expect([flags & (IFF_UP | IFF_BROADCAST | IFF_MULTICAST), address.length]).toEqual([
        IFF_BROADCAST | IFF_MULTICAST,
        6,
      ])
      expect(ifindex).toBeGreaterThan(0)
      expect((address[0] as number) & 1).toBe(0)
    })

    test('opening takes a name as it is, and a pattern for the first free number', async () => {
      const names: string[] = []
      for (const name of ['conf%d', 'conf%d', 'conf7']) {
        names.push((await open({ name })).port.link.name)
      }
      expect(names).toEqual(['conf0', 'conf1', 'conf7'])
    })

    test('opening under a taken name fails without leaks', async () => {
      await open({ name: 'conf0' })
      const descriptors = countDescriptors()
      const error = await open({ name: 'conf0' }).catch(e => e)
      expect(error).toBeInstanceOf(VnetError)
      expect([error.errno, countDescriptors()]).toEqual([EEXIST, descriptors])
    })

    test.each([0, NETIF_F_HW_CSUM | NETIF_F_SG, NETIF_F_ALL_TAP])(
      'opening with features %i gives those',
      async features => {
        expect((await open({ features })).port.features).toBe(features)
      },
    )

    test('an opened interface has been announced by the kernel', async () => {
      expect((await open()).port.announced).toBe(true)
    })
  })

  describe('other features', () => {
    test('features requested later hold from then on', async () => {
      const { port } = await open({ features: NETIF_F_ALL_TAP })
      for (const features of [NETIF_F_HW_CSUM | NETIF_F_SG, 0, NETIF_F_ALL_TAP]) {
        expect([port.setFeatures(features), port.features]).toEqual([features, features])
      }
    })
  })

  describe('the link', () => {
    test('refresh returns the link unchanged, with queues and a queueing discipline', async () => {
      const { port } = await open({ queues: 3 })
      const { link } = port
      const { qdisc, ...rest } = port.refresh()
      expect(rest).toMatchObject({
        name: 'conf0',
        ifindex: link.ifindex,
        queues: 3,
        multicast: [],
        addresses: [],
      })
      expect(rest).toMatchObject({
        mtu: link.mtu,
        address: link.address,
        txQueueLen: link.txQueueLen,
      })
      expect(qdisc).toMatch(/^[a-z]/)
    })

    test('refresh returns what was changed, and does not notify the listener', async () => {
      const { port, userSets } = await openUp()
      userSets({ mtu: 1280 })
      expect(port.refresh()).toMatchObject({ mtu: 1280 })
      expect(port.refresh().flags & IFF_UP).toBe(IFF_UP)
    })

    test('refresh fails if the interface is deleted or the port is closed', async () => {
      const host = await openUp()
      host.userDeletes()
      expect(() => host.port.refresh()).toThrow(expect.objectContaining({ code: 'EBADFD' }))
      const other = await open()
      await other.port.close()
      expect(() => other.port.refresh()).toThrow(expect.objectContaining({ code: 'EBADFD' }))
    })
  })

  describe('apply', () => {
    const requests: [string, LinkRequest, Partial<LinkChange>][] = [
      ['up', { up: true }, { kind: 'up' }],
      ['an MTU', { mtu: 1400 }, { kind: 'mtu', mtu: 1400 }],
      ['an address', { address: Uint8Array.of(2, 1, 2, 3, 4, 5) }, { kind: 'address' }],
      ['a queue length', { txQueueLen: 77 }, { kind: 'txqueuelen', txQueueLen: 77 }],
      ['no ARP', { noarp: true }, { kind: 'flags' }],
    ]
    test.each(requests)(
      'apply of %s changes it and notifies once before it settles',
      async (_, request, expected) => {
        const { port } = await open()
        const { told } = changes(port)
        await port.apply(request)
        expect(told).toEqual([expect.objectContaining(expected)])
        await port.apply(request)
        await settle()
        expect(told.length).toBe(1)
        const { flags, mtu, address, txQueueLen } = port.link
        expect({
          up: (flags & IFF_UP) !== 0,
          noarp: (flags & IFF_NOARP) !== 0,
          mtu,
          address,
          txQueueLen,
        }).toMatchObject(request)
      },
    )

    test('apply takes the interface down and up', async () => {
      const { port } = await open()
      const { told } = changes(port)
      for (const up of [true, false, false, true]) {
        await port.apply({ up })
      }
      expect(told.map(({ kind }) => kind)).toEqual(['up', 'down', 'up'])
    })

    test('apply changes nothing that is not named', async () => {
      const { port } = await open()
      const { told } = changes(port)
      const { address, flags, txQueueLen } = port.link
      await port.apply({ mtu: 2000 })
      await port.apply({})
      expect(port.link).toMatchObject({ mtu: 2000, address, flags, txQueueLen })
      expect(told.length).toBe(1)
    })

    test('apply of several changes notifies of each, up last', async () => {
      const { port } = await open()
      const { told } = changes(port)
      await port.apply({ up: true, mtu: 1300, txQueueLen: 5, noarp: true })
      const kinds = told.map(({ kind }) => kind)
      expect([kinds.pop(), kinds.sort()]).toEqual(['up', ['flags', 'mtu', 'txqueuelen']])
    })

    test('applying a carrier does not report a change of the link', async () => {
      const { port } = await openUp()
      const { told } = changes(port)
      await port.apply({ carrier: false })
      await port.apply({ carrier: true })
      await settle()
      expect(told).toEqual([])
    })

    test('applying linkKsettings does not report a change of the link', async () => {
      const { port } = await open()
      const { told } = changes(port)
      await port.apply({ linkKsettings: { speed: 10, duplex: 'half' } })
      await settle()
      expect(told).toEqual([])
    })

    test('apply of addresses adds the missing ones, and notifies of all', async () => {
      const { port } = await open()
      const { told } = changes(port)
      const text = () => port.link.addresses.map(address => [...address].join('.')).sort()
      const [v4, other4, v6] = ['198.18.0.1', '198.18.1.2', '32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1']
      await port.apply({ addresses: ['198.18.0.1/24', '2001:db8::1/64'] })
      expect(text()).toEqual([v4, v6])
      const first = told.length
      expect(told.at(-1)).toEqual({ kind: 'addresses', addresses: port.link.addresses })
      await port.apply({ addresses: ['198.18.0.1/24'] })
      await settle()
      expect(told.length).toBe(first)
      await port.apply({ addresses: ['198.18.0.1/24', '198.18.1.2/24'] })
      expect(text()).toEqual([v4, other4, v6])
      expect(told.at(-1)).toEqual({ kind: 'addresses', addresses: port.link.addresses })
      expect(told.every(({ kind }) => kind === 'addresses')).toBe(true)
    })
  })

  describe("the user's changes", () => {
    test('the user’s changes are reported one by one, in order', async () => {
      const { port, userSets } = await openUp()
      const { told, until } = changes(port)
      const address = Uint8Array.of(2, 5, 5, 5, 5, 5)
      userSets(
        { up: false },
        { name: 'conf99' },
        { mtu: 1280 },
        { address },
        { txQueueLen: 10 },
        { up: true },
      )
      await until(({ kind }) => kind === 'up')
      expect(told).toEqual([
        { kind: 'down' },
        { kind: 'renamed', name: 'conf99' },
        { kind: 'mtu', mtu: 1280 },
        { kind: 'address', address },
        { kind: 'txqueuelen', txQueueLen: 10 },
        { kind: 'up' },
      ])
      expect(port.link).toMatchObject({ name: 'conf99', mtu: 1280, address, txQueueLen: 10 })
    })

    test('up and down alternate, and the last one holds', async () => {
      const { port, userSets } = await openUp()
      const { told, until } = changes(port)
      userSets(...[false, true, true, false, true, false].map(up => ({ up })), { mtu: 1300 })
      await until(({ kind }) => kind === 'mtu')
      expect(told.map(({ kind }) => kind)).toEqual(['down', 'up', 'down', 'up', 'down', 'mtu'])
    })

    test('the user’s changes are reported before later requests', async () => {
      const { port, userSets } = await open()
      const { told } = changes(port)
      userSets({ mtu: 1280 })
      await port.apply({ up: true })
      expect(told.map(({ kind }) => kind)).toEqual(['mtu', 'up'])
    })
  })

  describe('reading', () => {
    test('reading returns the frames that wait, in order, at most as many as requested, and then none', async () => {
      const { queue, hostSend } = await openUp()
      for (const number of upTo(7)) {
        hostSend(frame(number))
      }
      const into: SkBuff[] = []
      expect(queue.read(into, 3)).toBe(3)
      const first = into.slice(0, 3)
      expect(first.map(skb => [...skb.bytes.subarray(skb.data, skb.data + skb.len)])).toEqual(
        upTo(3).map(number => [...frame(number)]),
      )
      expect([slots.used, pool.out]).toEqual([3, 3])
      for (const skb of first) {
        skb.free()
      }
      expect(slots.used).toBe(0)
      expect(readAll(queue)).toEqual([3, 4, 5, 6])
      expect(queue.read(into, 16)).toBe(0)
    })

    test('reading returns frames of any length up to the MTU, each with the usual headroom', async () => {
      const { port, queue, hostSend } = await openUp()
      await port.apply({ mtu: 9000 })
      const into: SkBuff[] = []
      for (const length of [14, 15, 60, 1514, 9014]) {
        hostSend(frame(1, length))
        expect(queue.read(into, 1)).toBe(1)
        const [skb] = into as [SkBuff]
        expect([skb.len, skb.headroom()]).toEqual([length, 130])
        expect(skb.bytes.subarray(skb.data, skb.data + skb.len)).toEqual(frame(1, length))
        skb.free()
      }
    })

    test('reading without a slot is ENOBUFS, and the frame still waits', async () => {
      const { queue, hostSend } = await openUp()
      for (const number of upTo(18)) {
        hostSend(frame(number))
      }
      const held: SkBuff[] = []
      const into: SkBuff[] = []
      for (let n = queue.read(into, 10); n > 0; n = queue.read(into, 10)) {
        held.push(...into.slice(0, n))
      }
      expect([held.length, queue.read(into, 1)]).toEqual([16, -ENOBUFS])
      for (const skb of held) {
        skb.free()
      }
      expect(readAll(queue)).toEqual([16, 17])
    })

    test('reading several queues returns each frame once, with each flow in order on one queue', async () => {
      const { port, hostSend } = await openUp({ queues: 4 })
      const flows = 32
      for (let number = 0; number < 5; number++) {
        for (let flow = 0; flow < flows; flow++) {
          const payload = [flow, number, ...new Array<number>(30).fill(0)]
          const packet = { ...plain, source: [198, 18, 0, flow], payload }
          hostSend(buildFrame({ packet, tags: [], padding: [] }))
        }
      }
      const seen = new Map<number, { queue: number; number: number }[]>()
      const into: SkBuff[] = []
      for (const [q, queue] of port.queues.entries()) {
        for (let n = queue.read(into, 16); n > 0; n = queue.read(into, 16)) {
          for (const skb of into.slice(0, n)) {
            const flow = skb.bytes[skb.data + 42]
            seen.set(flow, [
              ...(seen.get(flow) ?? []),
              { queue: q, number: skb.bytes[skb.data + 43] },
            ])
            skb.free()
          }
        }
      }
      expect(seen.size).toBe(flows)
      for (const frames of seen.values()) {
        expect(frames.map(({ number }) => number)).toEqual(upTo(5))
        expect(new Set(frames.map(({ queue }) => queue)).size).toBe(1)
      }
      expect(new Set([...seen.values()].map(([first]) => first?.queue)).size).toBeGreaterThan(1)
    })
  })

  describe('listening', () => {
    /** Counts the calls of a queue's listener; `react` may react to them. */
    function listening(queue: PortQueue, react: () => void = () => {}) {
      const statuses: number[] = []
      let wake = (): void => {}
      queue.listen(status => {
        statuses.push(status)
        react()
        wake()
      })
      const called = async (times: number): Promise<void> => {
        while (statuses.length < times) {
          await new Promise<void>(resolve => {
            wake = resolve
          })
        }
      }
      return { statuses, called }
    }

    test('a queue starts paused', async () => {
      const { queue, hostSend } = await openUp()
      const { statuses } = listening(queue)
      hostSend(frame(1))
      await settle()
      expect([statuses, readAll(queue)]).toEqual([[], [1]])
    })

    test('the listener is called while frames wait, and not after', async () => {
      const { queue, hostSend } = await openUp()
      const numbers: number[] = []
      const { statuses, called } = listening(queue, () => {
        if (statuses.length === 3) {
          numbers.push(...readAll(queue))
        }
      })
      queue.resume()
      await settle()
      expect(statuses).toEqual([])
      hostSend(frame(1))
      hostSend(frame(2))
      await called(3)
      await settle()
      expect([statuses, numbers]).toEqual([
        [0, 0, 0],
        [1, 2],
      ])
    })

    test('a paused listener is not called, and called for waiting frames when resumed', async () => {
      const { queue, hostSend } = await openUp()
      const { statuses, called } = listening(queue, () => {
        if (statuses.length === 1) {
          queue.pause()
        } else {
          readAll(queue)
        }
      })
      queue.resume()
      hostSend(frame(1))
      await called(1)
      hostSend(frame(2))
      await settle()
      expect(statuses).toEqual([0])
      queue.resume()
      await called(2)
      await settle()
      expect(statuses).toEqual([0, 0])
    })

    test('listening may start after resume', async () => {
      const { queue, hostSend } = await openUp()
      queue.resume()
      hostSend(frame(1))
      const { called } = listening(queue, () => void readAll(queue))
      await called(1)
    })

    test('each queue has its own listener', async () => {
      const { port, hostSend } = await openUp({ queues: 2 })
      const told = [0, 0]
      for (const [q, queue] of port.queues.entries()) {
        queue.listen(() => {
          told[q] = (told[q] ?? 0) + 1
          readAll(queue)
        })
        queue.resume()
      }
      port.queues[0]?.pause()
      for (let i = 0; i < 32; i++) {
        hostSend(
          buildFrame({ packet: { ...plain, source: [198, 18, 0, i] }, tags: [], padding: [] }),
        )
      }
      await settle()
      expect([told[0], (told[1] ?? 0) > 0]).toEqual([0, true])
      expect(readAll(port.queues[0] as PortQueue).length).toBeGreaterThan(0)
    })
  })

  describe('submitting', () => {
    test('submitting gives the kernel every frame unchanged, in order, consumed', async () => {
      const host = await openUp()
      const lengths = [14, 60, 1514, 60]
      const { ring, received, drops } = ringOf(lengths)
      expect([host.queue.submit(ring), ring.length, pool.out]).toEqual([4, 0, 0])
      expect([received, drops]).toEqual([lengths, []])
      for (const [i, length] of lengths.entries()) {
        expect(await host.hostReceive()).toEqual(frame(i, length))
      }
    })

    test('submitting on any queue reaches the kernel', async () => {
      const host = await openUp({ queues: 3 })
      for (const queue of host.port.queues) {
        queue.submit(ringOf([60, 61]).ring)
      }
      const lengths: number[] = []
      for (let i = 0; i < 6; i++) {
        lengths.push((await host.hostReceive()).length)
      }
      expect(lengths).toEqual([60, 61, 60, 61, 60, 61])
    })

    test('frames of several pools are submitted in order, and return to their pools', async () => {
      const host = await openUp()
      const other = new PoisonedPool({ large: 4, small: 16 })
      const { ring, received } = ringOf([60, 61, 62, 63, 64, 65], [pool, other, other])
      expect([host.queue.submit(ring), ring.length, pool.out, other.out]).toEqual([6, 0, 0, 0])
      expect(received).toEqual([60, 61, 62, 63, 64, 65])
      for (const i of upTo(6)) {
        expect(await host.hostReceive()).toEqual(frame(i, 60 + i))
      }
    })

    test('submitting nothing does nothing', async () => {
      const { queue } = await openUp()
      expect(queue.submit(new Ring(4))).toBe(0)
    })

    test('submitting a frame that is too short drops it and continues', async () => {
      const host = await openUp()
      const { ring, received, drops } = ringOf([60, 13, 60])
      expect([host.queue.submit(ring), ring.length]).toEqual([3, 0])
      expect([received, drops]).toEqual([[60, 60], [SKB_DROP_REASON_HDR_TRUNC]])
      expect(await receiveNumbers(host, 2)).toEqual([0, 2])
    })

    test('submitting to an interface that is down drops all', async () => {
      const { port } = await open()
      const { ring, received, drops } = ringOf([60, 60])
      expect([port.queues[0]?.submit(ring), ring.length]).toEqual([2, 0])
      expect([received, drops]).toEqual([
        [],
        [SKB_DROP_REASON_DEV_READY, SKB_DROP_REASON_DEV_READY],
      ])
    })

    test('submitting to a kernel without room leaves the rest in the ring, and continues with it', async () => {
      const host = await openUp()
      const { ring, received } = ringOf([60, 60, 60, 60, 60])
      host.setRoom(2)
      expect([host.queue.submit(ring), ring.length, received.length]).toEqual([2, 3, 2])
      expect([host.queue.submit(ring), ring.length]).toEqual([0, 3])
      host.setRoom(Number.POSITIVE_INFINITY)
      expect([host.queue.submit(ring), ring.length]).toEqual([3, 0])
      expect(await receiveNumbers(host, 5)).toEqual(upTo(5))
    })
  })

  test('kernelStats counts what was sent and received since the port was opened, or is undefined', async () => {
    const host = await openUp()
    host.hostSend(frame(1))
    host.hostSend(frame(2, 100))
    readAll(host.queue)
    host.queue.submit(ringOf([60, 70, 80]).ring)
    const stats = host.port.kernelStats()
    if (stats === undefined) return
    expect([
      stats.length,
      stats[TX_PACKETS],
      stats[TX_BYTES],
      stats[RX_PACKETS],
      stats[RX_BYTES],
    ]).toEqual([LINK_STATS64_LENGTH, 2, 160, 3, 210])
  })

  describe('an interface that is deleted', () => {
    test('a deleted interface is reported as gone once, and nothing after that', async () => {
      const host = await openUp()
      const { told, until } = changes(host.port)
      host.userDeletes()
      await until(({ kind }) => kind === 'gone')
      await settle()
      expect(told.filter(({ kind }) => kind !== 'down')).toEqual([{ kind: 'gone' }])
      expect(told.at(-1)).toEqual({ kind: 'gone' })
    })

    test('a deleted interface notifies the listeners of queues that are not paused, once', async () => {
      const host = await openUp({ queues: 2 })
      const told: [number, number][] = []
      let wake = (): void => {}
      for (const [q, queue] of host.port.queues.entries()) {
        queue.listen(status => {
          told.push([q, status])
          wake()
        })
      }
      host.queue.resume()
      host.userDeletes()
      while (told.length === 0) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      // A dead queue reports nothing, even if resume() is called again.
      host.queue.pause()
      host.queue.resume()
      await settle()
      expect(told.map(([q, status]) => [q, errnoName(status)])).toEqual([[0, 'EBADFD']])
    })

    test('a deleted interface neither takes nor gives frames, and cannot be changed', async () => {
      const host = await openUp()
      const { until } = changes(host.port)
      host.userDeletes()
      await until(({ kind }) => kind === 'gone')
      expect(host.queue.read([], 1)).toBeLessThan(0)
      const { ring, drops } = ringOf([60, 60])
      expect([host.queue.submit(ring), ring.length]).toEqual([2, 0])
      expect(drops).toEqual([SKB_DROP_REASON_DEV_READY, SKB_DROP_REASON_DEV_READY])
      expect(host.port.kernelStats()).toBeUndefined()
      await expect(host.port.apply({ mtu: 1400 })).rejects.toMatchObject({ code: 'EBADFD' })
      await host.port.close()
    })
  })

  describe('closing', () => {
    test('closing deletes the interface and leaves no descriptor, also twice', async () => {
      const before = countDescriptors()
      const { port } = await open({ name: 'conf0', queues: 4 })
      for (const queue of port.queues) {
        queue.listen(() => {})
        queue.resume()
      }
      await port.apply({ up: true })
      await port.close()
      await port.close()
      expect(countDescriptors()).toBe(before)
      expect((await open({ name: 'conf%d' })).port.link.name).toBe('conf0')
    })

    test('closing notifies the listener of each queue once, also a paused one, and reports no change', async () => {
      const host = await openUp({ queues: 2 })
      const { told } = changes(host.port)
      const statuses: string[] = []
      for (const [q, queue] of host.port.queues.entries()) {
        queue.listen(status => void statuses.push(`${q} ${errnoName(status)}`))
      }
      host.hostSend(frame(1))
      host.queue.resume()
      await host.port.close()
      await settle()
      await host.port.close()
      expect([told, statuses]).toEqual([[], ['0 ECANCELED', '1 ECANCELED']])
    })

    test('closing reports nothing to a listener that was notified of the deletion', async () => {
      const host = await openUp()
      const { until } = changes(host.port)
      const statuses: string[] = []
      const dead = new Promise<void>(resolve => {
        host.queue.listen(status => {
          statuses.push(errnoName(status))
          resolve()
        })
      })
      host.queue.resume()
      host.userDeletes()
      await Promise.all([dead, until(({ kind }) => kind === 'gone')])
      await host.port.close()
      expect(statuses).toEqual(['EBADFD'])
    })

    test('a closed port cannot change another interface', async () => {
      const [{ port: first }, { port }] = [await open(), await openUp()]
      await first.close()
      await port.close()
      // Whose descriptor may have the number that one of them had.
      await open()
      await expect(port.apply({ carrier: false })).rejects.toMatchObject({ code: 'EBADFD' })
    })

    test('a queue of a closed port reads nothing and drops what it is given', async () => {
      const { port, queue } = await openUp()
      await port.close()
      expect(queue.read([], 1)).toBeLessThan(0)
      const { ring, received, drops } = ringOf([60])
      expect([queue.submit(ring), received, drops.length]).toEqual([1, [], 1])
      expect(port.kernelStats()).toBeUndefined()
      queue.pause()
      queue.resume()
    })
  })
}

function countDescriptors(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0
}
