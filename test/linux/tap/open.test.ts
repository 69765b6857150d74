/** openTap on a platform in memory: what a program reads, writes and is notified of. */
import { getEventListeners, once } from 'node:events'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { EBADFD, EEXIST, EINVAL, VnetError } from '#src/base/errno.ts'
import { UsageError } from '#src/base/usage-error.ts'
import { MemoryPlatform, MemoryPort } from '#src/bed/memory-port.ts'
import type { Tap, TapEvents } from '#src/linux/tap/device.ts'
import type { TapFrame } from '#src/linux/tap/frame.ts'
import { openTap, type TapOptions } from '#src/linux/tap/open.ts'
import type { PortSpec } from '#src/netdev/port.ts'
import { FRAME_MAX, type SkBuffPool } from '#src/skb/pool.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4 } from '#src/skb/sk-buff.ts'
import { turn } from '#support/memory-net.ts'
import { buildFrame, buildPacket, type Packet, plain } from '../../packet/frames.ts'

/** Keeps the pools of the ports that it opens. */
class Platform extends MemoryPlatform {
  readonly pools: SkBuffPool[] = []
  override open(spec: PortSpec): Promise<MemoryPort> {
    this.pools.push(spec.slots.pool)
    return super.open(spec)
  }
}

const platform = new Platform()
const taps: Tap[] = []

afterEach(async () => {
  for (const tap of taps.splice(0)) {
    await tap.close()
  }
  expect(platform.ports).toEqual([])
  for (const pool of platform.pools.splice(0)) {
    expect(pool.out).toBe(0)
  }
})

async function open(options: TapOptions = {}): Promise<{ tap: Tap; port: MemoryPort }> {
  const tap = await openTap({ name: 'tap%d', platform, ...options })
  taps.push(tap)
  return { tap, port: platform.port(tap.name) }
}

/** Sets a listener, which may be a wrong value. */
function setOnFrames(tap: Tap, listener: unknown): void {
  tap.onFrames = listener as Tap['onFrames']
}

/** A frame of 60 bytes, numbered in the last one. */
function frame(number: number, length = 60): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes[length - 1] = number
  return bytes
}

/** The name and code of errors about values of a wrong type. */
const WRONG_TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }

const numberOf = (bytes: Uint8Array): number => bytes.at(-1) as number
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const received = (port: MemoryPort): number[] => port.received.map(({ bytes }) => numberOf(bytes))

const tcp: Packet = {
  ...plain,
  kind: 'tcp',
  payload: upTo(3000).map(i => i & 0xff),
  checksum: 'partial',
}
const gso = { ipSummed: CHECKSUM_PARTIAL, csumOffset: 16, gsoSize: 1000, gsoType: SKB_GSO_TCPV4 }
/** The segments of `tcp` as whole packets. */
const segments = [0, 1, 2].map(
  (i): Packet => ({
    ...tcp,
    checksum: 'full',
    payload: tcp.payload.slice(1000 * i, 1000 * (i + 1)),
    sequence: 0x01020304 + 1000 * i,
    identification: plain.identification + i,
    flags: i === 2 ? 0x18 : 0x10,
  }),
)
const framed = (packet: Packet): Uint8Array => buildFrame({ packet, tags: [], padding: [] })

describe('a loop that waits for frames', () => {
  test('ends immediately by return(), and the tap can be read again', async () => {
    const { tap, port } = await open()
    const loop = tap[Symbol.asyncIterator]()
    const waiting = [loop.next(), loop.next()]
    const done = { value: undefined, done: true }
    expect(await loop.return()).toEqual(done)
    expect(await Promise.all(waiting)).toEqual([done, done])
    const read: number[] = []
    tap.onFrames = frames => void read.push(...frames.map(({ bytes }) => numberOf(bytes)))
    port.transmit(frame(3))
    await expect.poll(() => read).toEqual([3])
  })

  test('ends when the stream of its frames is destroyed', async () => {
    const { tap } = await open()
    const stream = Readable.from(tap)
    stream.resume()
    await turn()
    stream.destroy()
    await once(stream, 'close')
    expect(() => setOnFrames(tap, () => {})).not.toThrow()
  })

  test('gives concurrent calls of next() a batch each, in order, and ends by throw()', async () => {
    const { tap, port } = await open()
    const loop = tap[Symbol.asyncIterator]()
    const waiting = [loop.next(), loop.next()].map(async next =>
      numberOf((await next).value?.[0]?.bytes as Uint8Array),
    )
    port.transmit(frame(1))
    expect(await waiting[0]).toBe(1)
    port.transmit(frame(2))
    expect(await waiting[1]).toBe(2)
    await expect(loop.throw(new Error('away'))).rejects.toThrow('away')
    expect(await loop.next()).toEqual({ value: undefined, done: true })
  })

  test('keeps the batch of one next() for the rest of the turn, though another one waits', async () => {
    const { tap, port } = await open()
    const loop = tap[Symbol.asyncIterator]()
    const waiting = [loop.next(), loop.next()]
    port.transmit(frame(1))
    port.transmit(frame(2))
    port.drain()
    const { value } = (await waiting[0]) ?? {}
    for (let i = 0; i < 10; i++) {
      await undefined
    }
    expect(value?.map(({ bytes }) => numberOf(bytes))).toEqual([1, 2])
    await loop.return()
  })

  test.each([
    ['close()', 'closed', (tap: Tap) => tap.close()],
    [
      'the deletion of its interface',
      'read tap0: EBADFD',
      (_: Tap, port: MemoryPort) => port.change({ kind: 'gone' }),
    ],
  ])('settles every next() that waits at %s', async (_, end, act) => {
    const { tap, port } = await open()
    const loop = tap[Symbol.asyncIterator]()
    const waiting = [loop.next(), loop.next(), loop.next()]
    const first = waiting[0]?.then(
      ({ done }) => done && 'closed',
      ({ message }) => message,
    )
    await act(tap, port)
    expect(await first).toContain(end)
    const done = { value: undefined, done: true }
    expect(await Promise.all([...waiting.slice(1), loop.next()])).toEqual([done, done, done])
  })

  test('leaves the tap to others if it never reads', async () => {
    const { tap } = await open()
    const unused = tap[Symbol.asyncIterator]()
    tap.onFrames = () => {}
    await unused.return()
    expect(tap.onFrames).toBeTypeOf('function')
    await expect(tap[Symbol.asyncIterator]().next()).rejects.toThrow('its frames are read already')
  })
})

test('onFrames = null stops reading like undefined, and another value is a TypeError', async () => {
  const { tap, port } = await open()
  tap.onFrames = () => {}
  tap.onFrames = null
  expect(tap.onFrames).toBeUndefined()
  port.transmit(frame(1))
  await turn()
  expect(tap.counters.framesRead).toBe(0)
  for (const wrong of [5, 'f', {}, true]) {
    expect(() => setOnFrames(tap, wrong)).toThrow(
      expect.objectContaining({
        message: `onFrames takes a function, not ${inspect(wrong)}`,
        ...WRONG_TYPE,
      }),
    )
  }
})

describe('opening', () => {
  test('the interface is up, with the MTU, the addresses and the hardware address of the options', async () => {
    const routes = ['192.0.2.0/24', '0.0.0.0/0 via 198.18.0.9', '2001:db8::/32 via fe80::1']
    const { tap, port } = await open({
      mtu: 9000,
      mac: '02:00:00:00:00:17',
      addresses: ['198.18.0.1/24'],
      routes,
    })
    expect(port.routes).toEqual(routes)
    expect([tap.name, tap.mtu, tap.mac, tap.isUp, tap.layer]).toEqual([
      'tap0',
      9000,
      '02:00:00:00:00:17',
      true,
      'tap',
    ])
    expect([port.addresses, port.features, tap.queues]).toEqual([['198.18.0.1/24'], 0, 1])
  })

  test('a TUN has no hardware address', async () => {
    const { tap } = await open({ layer: 'tun' })
    expect([tap.mac, tap.layer]).toEqual([undefined, 'tun'])
  })

  test.each<[string, TapOptions, string]>([
    ['a name with a slash', { name: 'a/b' }, "name 'a/b'"],
    ['no queue', { queues: 0 }, 'queues 0: from 1 to 256'],
    ['an unknown layer', { layer: 'tub' as 'tun' }, "layer 'tub'"],
    ['an address that is not one', { mac: '02:00' }, "mac '02:00': write it as"],
    [
      'a text for addresses',
      { addresses: '198.18.0.1/24' as never },
      "addresses '198.18.0.1/24': give a list",
    ],
    [
      'an address without a prefix',
      { addresses: ['198.18.0.1'] },
      "'198.18.0.1' is not an address with its prefix",
    ],
    [
      'a text for routes',
      { routes: '192.0.2.0/24' as never },
      "routes '192.0.2.0/24': give a list",
    ],
    [
      'a route without a prefix',
      { routes: ['192.0.2.1'] },
      "routes: '192.0.2.1' is not a route, such as '192.0.2.0/24'",
    ],
    [
      'a router of another family',
      { routes: ['192.0.2.0/24 via ::1'] },
      "'192.0.2.0/24 via ::1' is not a route",
    ],
    [
      'a route with more words',
      { routes: ['192.0.2.0/24 dev lo'] },
      "'192.0.2.0/24 dev lo' is not a route",
    ],
    [
      'name servers',
      { dns: ['198.18.0.1'] } as never,
      'dns: the kernel has no name servers per interface',
    ],
    [
      'a descriptor that is no number',
      { fd: 'tap0' as never },
      "fd 'tap0': give a descriptor's number",
    ],
    ['a negative descriptor', { fd: -1 }, "fd -1: give a descriptor's number"],
    [
      'a descriptor and a platform',
      { fd: 3 },
      "fd and platform: the descriptor's interface exists",
    ],
    ['a descriptor and a name', { fd: 3, name: 'tap0' }, 'fd and name'],
    [
      'an unknown option',
      { adresses: [] } as never,
      "openTap: no option is called 'adresses', but name, netns",
    ],
    [
      'a TUN with a hardware address',
      { mac: '02:00:00:00:00:17', layer: 'tun' },
      'a TUN has no hardware address',
    ],
    ['a name that is no text', { name: 5 } as never, 'name 5: 1 to 15 bytes'],
    ['a namespace that is no text', { netns: 5 } as never, 'netns 5: give a name'],
    ['an empty namespace', { netns: '' }, "netns '': give a name"],
    ['an MTU in quotes', { mtu: '1400' } as never, "mtu '1400': from 68 to 65535"],
    ['a broken MTU', { mtu: 1400.5 }, 'mtu 1400.5: from 68'],
    ['a negative MTU', { mtu: -1 }, 'mtu -1: from 68'],
    ['an MTU of null', { mtu: null } as never, 'mtu null: from 68'],
    ['an MTU that no TAP has', { mtu: 65_522 }, 'mtu 65522: from 68 to 65521 for a TAP'],
    [
      'an MTU that IPv6 excludes',
      { mtu: 1279, addresses: ['fd00::1/64'] },
      'mtu 1279: IPv6 addresses need 1280 or more',
    ],
    [
      'the address of a group',
      { mac: '01:00:5e:00:00:01' },
      "mac '01:00:5e:00:00:01': write it as 02:00:00:00:00:01: of",
    ],
    ['no address', { mac: '00:00:00:00:00:00' }, "mac '00:00:00:00:00:00': write it as"],
    ['an address that is a number', { mac: 5 } as never, 'mac 5: write it as'],
    ['a text for offload', { offload: 'yes' } as never, "offload 'yes': it is true or false"],
    ['a text for the signal', { signal: 'x' } as never, "signal 'x': give an AbortSignal"],
    ['a route with host bits', { routes: ['192.0.2.1/24'] }, "the network is '192.0.2.0/24'"],
    [
      'an IPv6 route with host bits',
      { routes: ['2001:db8::1/32'] },
      "the network is '2001:db8::/32'",
    ],
  ])('%s is a UsageError that says what is wrong', async (_, options, text) => {
    const error = await openTap({ ...options, platform }).catch(error => error)
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toContain(text)
  })

  test.each<[unknown, string]>([
    [null, 'openTap null: give an object'],
    ['tap0', "openTap 'tap0': give an object"],
    [{ platform: 3 }, 'platform 3: give a MemoryPlatform'],
    [{ platform: {} }, 'platform {}: give a MemoryPlatform'],
    [[], 'openTap []: give an object'],
    [[5], 'openTap [ 5 ]: give an object'],
    [new Map(), 'give an object'],
    [Promise.resolve({}), 'give an object'],
  ])('openTap(%j) is a UsageError', async (options, text) => {
    const error = await openTap(options as TapOptions).catch(error => error)
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toContain(text)
  })

  test('a refused address or interface leaves no interface and no descriptor', async () => {
    const apply = vi
      .spyOn(MemoryPort.prototype, 'apply')
      .mockRejectedValueOnce(new VnetError(EINVAL, 'RTM_NEWADDR'))
    await expect(open({ addresses: ['198.18.0.1/24'] })).rejects.toMatchObject({ errno: EINVAL })
    apply.mockRestore()
    expect(platform.ports).toEqual([])
    await open({ name: 'same' })
    await expect(open({ name: 'same' })).rejects.toMatchObject({ errno: EEXIST })
  })
})

describe('reading with onFrames', () => {
  test('every frame arrives in order, in batches of at most 16', async () => {
    const { tap, port } = await open()
    const batches: number[][] = []
    tap.onFrames = frames => batches.push(frames.map(({ bytes }) => numberOf(bytes)))
    for (const i of upTo(40)) {
      port.transmit(frame(i))
    }
    port.drain()
    expect(batches.flat()).toEqual(upTo(40))
    expect(Math.max(...batches.map(({ length }) => length))).toBe(16)
    expect(tap.counters).toMatchObject({ framesRead: 40, bytesRead: 2400 })
  })

  test('nothing is read without a consumer, nor after onFrames was set to undefined', async () => {
    const { tap, port } = await open()
    port.transmit(frame(1))
    await turn()
    expect(tap.counters.framesRead).toBe(0)
    const seen: number[] = []
    tap.onFrames = frames => {
      seen.push(...frames.map(({ bytes }) => numberOf(bytes)))
      tap.onFrames = undefined
    }
    await turn()
    port.transmit(frame(2))
    await turn()
    expect([seen, port.queues[0]?.paused]).toEqual([[1], true])
  })

  test('frames and lists are the same objects in every batch', async () => {
    const { tap, port } = await open()
    const lists: (readonly TapFrame[])[] = []
    const views: Uint8Array[] = []
    tap.onFrames = frames => {
      lists.push(frames)
      views.push(...frames.map(({ bytes }) => bytes))
    }
    for (let round = 0; round < 2; round++) {
      port.transmit(frame(round))
      port.transmit(frame(round))
      port.drain()
    }
    expect(lists[1]).toBe(lists[0])
    expect(new Set(views).size).toBe(2)
  })

  test('a frame that is used after its batch throws, but its copy remains valid', async () => {
    const { tap, port } = await open()
    let kept: TapFrame | undefined
    let copy: Uint8Array | undefined
    tap.onFrames = ([first]) => {
      kept = first
      copy = first?.copy()
    }
    port.transmit(frame(7))
    port.drain()
    expect(() => kept?.bytes).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
    expect(() => kept?.bytes).toThrow('used after its end')
    expect(() => tap.write(kept as TapFrame)).toThrow('used after its end')
    expect(copy).toEqual(frame(7))
    expect(copy?.buffer).toBeInstanceOf(ArrayBuffer)
  })

  test('an exception of onFrames is thrown to the event loop, and the frames are freed', async () => {
    const { tap, port } = await open()
    tap.onFrames = () => {
      throw new Error('broken program')
    }
    port.transmit(frame(1))
    expect(() => port.drain()).toThrow('broken program')
    expect(platform.pools[0]?.out).toBe(0)
  })

  test('a frame has the number of its queue, and is written to the same queue', async () => {
    const { tap, port } = await open({ queues: 3 })
    tap.onFrames = frames => void tap.writeBatch(frames)
    port.transmit(frame(1), 2)
    port.transmit(frame(2), 0)
    port.drain()
    expect(port.received.map(({ queue }) => queue).sort()).toEqual([0, 2])
  })
})

describe('reading with for await', () => {
  test('a loop reads every frame, and ends when the tap is closed', async () => {
    const { tap, port } = await open()
    for (const i of upTo(100)) {
      port.transmit(frame(i))
    }
    const seen: number[] = []
    for await (const frames of tap) {
      for (const { bytes } of frames) {
        seen.push(numberOf(bytes))
      }
      if (seen.length === 100) {
        void tap.close()
      }
    }
    expect(seen).toEqual(upTo(100))
  })

  test('frames remain valid while the body of the loop awaits, and meanwhile nothing more is read', async () => {
    const { tap, port } = await open()
    port.transmit(frame(1))
    for await (const [first] of tap) {
      port.transmit(frame(2))
      for (let i = 0; i < 5; i++) {
        await turn()
      }
      expect([numberOf((first as TapFrame).bytes), tap.counters.framesRead]).toEqual([1, 1])
      expect(port.queues[0]?.paused).toBe(true)
      break
    }
  })

  test('leaving a loop ends its frames and leaves the tap open for the next loop', async () => {
    const { tap, port } = await open()
    let kept: TapFrame | undefined
    port.transmit(frame(1))
    for await (const [first] of tap) {
      kept = first
      break
    }
    expect(() => kept?.length).toThrow('used after its end')
    port.transmit(frame(2))
    for await (const [first] of tap) {
      expect(first?.bytes.at(-1)).toBe(2)
      break
    }
  })

  test('a loop that awaits nothing does not keep timers and sockets from running', async () => {
    const { tap, port } = await open()
    port.queues[0]?.repeat(frame(1), 100_000)
    let read = 0
    const after = (async () => {
      for (let i = 0; i < 4; i++) {
        await turn()
      }
      await tap.close()
    })()
    for await (const frames of tap) {
      read += frames.length
    }
    await after
    expect(read).toBeGreaterThan(0)
    expect(read).toBeLessThan(1000)
  })

  test('frames of all queues are read', async () => {
    const { tap, port } = await open({ queues: 2 })
    for (const i of upTo(20)) {
      port.transmit(frame(i), i % 2)
    }
    const seen: number[] = []
    for await (const frames of tap) {
      expect(new Set(frames.map(({ queue }) => queue)).size).toBe(1)
      for (const { bytes } of frames) {
        seen.push(numberOf(bytes))
      }
      if (seen.length === 20) break
    }
    expect(seen.sort((a, b) => a - b)).toEqual(upTo(20))
  })

  test('a tap has one consumer at a time', async () => {
    const { tap, port } = await open()
    port.transmit(frame(1))
    for await (const _ of tap) {
      expect(() => {
        tap.onFrames = () => {}
      }).toThrow(
        expect.objectContaining({ code: 'EBUSY', advice: expect.stringContaining('read already') }),
      )
      await expect(tap[Symbol.asyncIterator]().next()).rejects.toThrow(
        'its frames are read already',
      )
      break
    }
    tap.onFrames = () => {}
    await expect(tap[Symbol.asyncIterator]().next()).rejects.toThrow('its frames are read already')
  })
})

describe('writing', () => {
  test('bytes and frames of another tap arrive in order, and are counted', async () => {
    const [a, b] = [await open(), await open()]
    a.tap.onFrames = frames => {
      for (const one of frames) {
        b.tap.write(one)
      }
    }
    expect(b.tap.write(frame(0))).toBe(true)
    for (const i of [1, 2, 3]) {
      a.port.transmit(frame(i))
    }
    a.port.drain()
    expect(b.tap.writeBatch([frame(4), frame(5)])).toBe(true)
    expect(received(b.port)).toEqual(upTo(6))
    expect(b.tap.counters).toMatchObject({
      framesWritten: 6,
      bytesWritten: 360,
      dropped: 0,
      drops: {},
    })
    expect(a.tap.counters).toMatchObject({ framesRead: 3, framesWritten: 0 })
  })

  test('a frame that was changed in place is written as it is then, and cannot be used any more', async () => {
    const { tap, port } = await open()
    tap.onFrames = ([first]) => {
      const { memory, offset, length } = first as TapFrame
      memory[offset + length - 1] = 9
      tap.write(first as TapFrame)
      expect(() => first?.bytes).toThrow('it was written')
    }
    port.transmit(frame(1))
    port.drain()
    expect(received(port)).toEqual([9])
  })

  test('without room write returns false, frames wait, and drained() settles when all are written', async () => {
    const { tap, port } = await open()
    expect(await tap.drained()).toBeUndefined()
    port.room = 1
    const drain = once(tap, 'drain')
    expect(upTo(3).map(i => tap.write(frame(i)))).toEqual([true, false, false])
    expect(received(port)).toEqual([0])
    const drained = tap.drained().then(() => received(port))
    port.room = Number.POSITIVE_INFINITY
    expect(await drained).toEqual([0, 1, 2])
    await drain
    expect(tap.write(frame(3))).toBe(true)
  })

  test('frames that wait to be written hold back the reader, which stops before memory runs out', async () => {
    const [a, b] = [await open(), await open()]
    b.port.room = 0
    a.tap.onFrames = frames => void b.tap.writeBatch(frames)
    a.port.queues[0]?.repeat(frame(1), 1000)
    a.port.drain()
    const { framesRead } = a.tap.counters
    expect(framesRead).toBe(128)
    b.port.room = Number.POSITIVE_INFINITY
    await b.tap.drained()
    while (b.port.received.length < 1000) {
      await turn()
    }
    expect(b.tap.counters).toMatchObject({ framesWritten: 1000, dropped: 0 })
  })

  test('frames beyond the queue are dropped and counted', async () => {
    const { tap, port } = await open()
    port.room = 0
    for (const i of upTo(300)) {
      tap.write(frame(i))
    }
    expect(tap.counters.drops).toEqual({ FULL_RING: 300 - 256 })
    await tap.close()
    expect(tap.counters).toMatchObject({
      framesWritten: 0,
      dropped: 300,
      drops: { DEV_STOPPED: 256 },
    })
  })

  test('frames that the kernel refuses, or that fit no slot, are dropped and counted, and nothing throws', async () => {
    const { tap, port } = await open()
    expect(tap.write(frame(1, 13))).toBe(true)
    tap.write(new Uint8Array(FRAME_MAX + 1))
    port.change({ kind: 'down' })
    tap.write(frame(1))
    expect(tap.counters.drops).toEqual({ HDR_TRUNC: 1, PKT_TOO_BIG: 1, DEV_READY: 1 })
  })

  test.each([
    ['a text', 'text'],
    ['null', null],
    ['an array of wider numbers', new Uint16Array(40)],
    ['an array of fractions', new Float64Array(20)],
    ['a DataView', new DataView(new ArrayBuffer(60))],
    ['a buffer', new ArrayBuffer(60)],
  ])('%s is a TypeError, and of a list only the frames before it are written', async (_, value) => {
    const { tap, port } = await open()
    const wrong = value as unknown as Uint8Array
    const message = 'write takes a Uint8Array, or a frame that was read'
    expect(() => tap.write(wrong)).toThrow(expect.objectContaining({ message, ...WRONG_TYPE }))
    expect(() => tap.writeBatch([frame(0), wrong, frame(1)])).toThrow(TypeError)
    expect(received(port)).toEqual([0])
  })

  test.each([
    ['a Set', new Set([frame(1)])],
    ['an object', {}],
    ['a number', 5],
    ['undefined', undefined],
    ['null', null],
    ['a generator', [frame(1)].values()],
    ['bytes', frame(1)],
  ])('writeBatch refuses %s, which is not a list', async (_, value) => {
    const { tap, port } = await open()
    const call = () => tap.writeBatch(value as never)
    expect(call).toThrow(/^writeBatch takes a list of frames, not [^\n]+$/)
    expect(call).toThrow(expect.objectContaining(WRONG_TYPE))
    expect(port.received).toEqual([])
  })

  test.each([
    ['null', null, 'the description of a frame is an object'],
    ['a number', 5, 'the description of a frame is an object'],
    ['a list', [], 'the description of a frame is an object'],
    ['an unknown field', { gsosize: 5 }, "no field is called 'gsosize', but ipSummed, csumStart"],
    ['bytes', frame(1), "no field is called '0'"],
  ])('write refuses %s as a description', async (_, value, text) => {
    const { tap, port } = await open()
    const call = () => tap.write(frame(1), value as never)
    expect(call).toThrow(text)
    expect(call).toThrow(expect.objectContaining(WRONG_TYPE))
    expect(port.received).toEqual([])
  })

  test('write refuses a queue that the tap lacks, and numbers that no frame has', async () => {
    const { tap } = await open()
    const outOfRange = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }
    const message = 'write: queue 1: a whole number from 0 to 0'
    expect(() => tap.write(frame(1), { queue: 1 })).toThrow(
      expect.objectContaining({ message, ...outOfRange }),
    )
    expect(() => tap.write(frame(1), { gsoSize: -1 })).toThrow(expect.objectContaining(outOfRange))
    expect(() => tap.write(frame(1), { gsoType: 8 })).toThrow(expect.objectContaining(outOfRange))
  })

  test('write refuses a description of a frame that was read, which has its own', async () => {
    const { tap, port } = await open()
    const seen: unknown[] = []
    tap.onFrames = ([first]) => {
      expect(() => tap.write(first as TapFrame, { queue: 0 })).toThrow(
        expect.objectContaining(WRONG_TYPE),
      )
      seen.push(tap.write((first as TapFrame).bytes, first))
    }
    port.transmit(frame(1))
    port.drain()
    expect(seen).toEqual([true])
  })

  test('a Buffer and arrays of signed and clamped bytes are written as they are', async () => {
    const { tap, port } = await open()
    const bytes = new Uint8Array(60).fill(200)
    tap.writeBatch([
      Buffer.from(bytes),
      new Int8Array(bytes.buffer),
      new Uint8ClampedArray(bytes.buffer),
    ] as never)
    expect(port.received.map(each => each.bytes)).toEqual([bytes, bytes, bytes])
  })
})

describe('offloads', () => {
  test('with offloads a frame shows its segmentation and its partial checksum, and is written with both', async () => {
    const { tap, port } = await open({ offload: true })
    tap.onFrames = ([first]) => {
      expect(first).toMatchObject({ ...gso, csumStart: 34, length: 3054 })
      tap.write(first as TapFrame)
    }
    port.transmit(framed(tcp), 0, { ...gso, csumStart: 34 })
    port.drain()
    expect(port.received).toMatchObject([{ ...gso, csumStart: 34, bytes: framed(tcp) }])
  })

  test('bytes are written with the description of a frame', async () => {
    const { tap, port } = await open({ offload: true })
    tap.write(framed(tcp), { ...gso, csumStart: 34 })
    expect(port.received).toMatchObject([{ ...gso, csumStart: 34 }])
  })

  test.each(['tap', 'tun'] as const)(
    'segment() returns the packets of a GSO frame of a %s',
    async layer => {
      const { tap, port } = await open({ offload: true, layer })
      const bytesOf = (packet: Packet) =>
        layer === 'tap' ? framed(packet) : Uint8Array.from(buildPacket(packet))
      tap.onFrames = ([first]) => {
        const cut = (first as TapFrame).segment()
        expect(cut.map(({ bytes }) => [...bytes])).toEqual(
          segments.map(packet => [...bytesOf(packet)]),
        )
        expect(() => first?.length).toThrow('used after its end')
        tap.writeBatch(cut.slice(1))
      }
      port.transmit(bytesOf(tcp), 0, { ...gso, csumStart: layer === 'tap' ? 34 : 20 })
      port.drain()
      expect(port.received.map(({ bytes }) => bytes)).toEqual(segments.slice(1).map(bytesOf))
    },
  )

  test('segment() completes the checksum of a frame that is one packet', async () => {
    const { tap, port } = await open({ offload: true })
    const [whole] = segments as [Packet]
    tap.onFrames = ([first]) => {
      const cut = (first as TapFrame).segment()
      expect(cut).toEqual([first])
      expect(cut[0]?.bytes).toEqual(framed(whole))
    }
    const info = { ipSummed: CHECKSUM_PARTIAL, csumStart: 34, csumOffset: 16 }
    port.transmit(framed({ ...whole, checksum: 'partial' }), 0, info)
    port.drain()
  })

  test('segment() returns nothing for a frame that cannot be cut, which can still be used', async () => {
    const { tap, port } = await open({ offload: true, layer: 'tun' })
    tap.onFrames = ([first]) => {
      expect((first as TapFrame).segment()).toEqual([])
      expect(first?.length).toBe(100)
    }
    port.transmit(new Uint8Array(100), 0, { gsoSize: 10, gsoType: SKB_GSO_TCPV4 })
    port.drain()
  })

  test.each(['tap', 'tun'] as const)(
    'a %s without offloads gets packets with full checksums',
    async layer => {
      const bytesOf = (packet: Packet) =>
        layer === 'tap' ? framed(packet) : Uint8Array.from(buildPacket(packet))
      const csumStart = layer === 'tap' ? 34 : 20
      const { tap, port } = await open({ layer })
      tap.write(bytesOf(tcp), { ...gso, csumStart })
      tap.write(bytesOf({ ...tcp, payload: [1] }), { ...gso, csumStart, gsoSize: 0 })
      const last: Packet = { ...tcp, payload: [1], checksum: 'full' }
      expect(port.received.map(({ bytes }) => bytes)).toEqual([...segments, last].map(bytesOf))
      expect(port.received.every(({ ipSummed, gsoSize }) => ipSummed === 0 && gsoSize === 0)).toBe(
        true,
      )
    },
  )

  test('a description that does not fit its bytes is dropped and counted', async () => {
    const { tap } = await open()
    tap.write(frame(1), { ipSummed: CHECKSUM_PARTIAL, csumStart: 70, csumOffset: 16 })
    tap.write(frame(1), gso)
    expect(tap.counters.drops).toEqual({ SKB_CSUM: 1, SKB_GSO_SEG: 1 })
  })
})

test.each([
  [{ csumStart: 65_570 }, 'csumStart 65570: a whole number from 0 to 65535'],
  [{ csumOffset: -1 }, 'csumOffset -1: a whole number from 0 to 65535'],
  [{ gsoSize: 70_000 }, 'gsoSize 70000: a whole number from 0 to 65535'],
  [{ gsoSize: -5 }, 'gsoSize -5: a whole number from 0 to 65535'],
  [{ gsoSize: 1.5 }, 'gsoSize 1.5: a whole number from 0 to 65535'],
  [{ gsoType: 99 }, 'gsoType 99: SKB_GSO_TCPV4, SKB_GSO_TCPV6 or SKB_GSO_UDP_L4'],
  [{ gsoType: 0 }, 'gsoType 0: SKB_GSO_TCPV4, SKB_GSO_TCPV6 or SKB_GSO_UDP_L4'],
  [{ ipSummed: 4 }, 'ipSummed 4: a whole number from 0 to 3'],
  [{ queue: -1 }, 'queue -1: a whole number from 0 to 65535'],
  [{ queue: 0.5 }, 'queue 0.5: a whole number from 0 to 65535'],
])(
  'a write with %j in its description throws a RangeError, with offloads and without',
  async (field, message) => {
    for (const offload of [true, false]) {
      const { tap, port } = await open({ offload })
      const info = { ...gso, csumStart: 34, ...field }
      const error = { name: 'RangeError', message: `write: ${message}`, code: 'ERR_OUT_OF_RANGE' }
      expect(() => tap.write(framed(tcp), info)).toThrow(expect.objectContaining(error))
      expect([port.received, tap.counters.dropped]).toEqual([[], 0])
    }
  },
)

describe('the life of an interface', () => {
  test('down, up and mtu changes of an interface are emitted', async () => {
    const { tap, port } = await open()
    const events: unknown[] = []
    for (const name of ['up', 'down', 'mtu', 'gone'] as const) {
      tap.on(name as keyof TapEvents, (...args: unknown[]) => events.push([name, ...args]))
    }
    port.change({ kind: 'down' })
    expect(tap.isUp).toBe(false)
    port.change({ kind: 'mtu', mtu: 1280 })
    port.change({ kind: 'up' })
    expect(events).toEqual([['down'], ['mtu', 1280], ['up']])
    expect([tap.mtu, tap.isUp]).toEqual([1280, true])
  })

  test('deleting the interface emits gone and close, the loop throws, and writes are counted', async () => {
    const { tap, port } = await open()
    const events: string[] = []
    tap.on('gone', () => events.push('gone')).on('close', () => events.push('close'))
    setImmediate(() => port.change({ kind: 'gone' }))
    const read = async () => {
      for await (const _ of tap) {
      }
    }
    const error = await read().catch(error => error)
    expect(error).toBeInstanceOf(VnetError)
    expect(error).toMatchObject({ errno: EBADFD })
    expect(error.message).toContain('read tap0: EBADFD')
    await expect.poll(() => events).toEqual(['gone', 'close'])
    expect([tap.isUp, tap.write(frame(1)), tap.writeBatch([frame(2)])]).toEqual([
      false,
      false,
      false,
    ])
    expect(tap.counters.drops).toEqual({ DEV_READY: 2 })
    await expect(tap.drained()).rejects.toMatchObject({ errno: EBADFD })
    expect(() => setOnFrames(tap, () => {})).toThrow('read tap0: EBADFD')
    await tap.close()
    expect(() => tap.write(frame(1))).toThrow('write tap0: EBADFD')
  })

  test.each(['gone', 'mtu'] as const)(
    'an exception of a listener of %s is uncaught, and the Tap goes on',
    async event => {
      const { tap, port } = await open()
      const uncaught: unknown[] = []
      const others = process.listeners('uncaughtException')
      process
        .removeAllListeners('uncaughtException')
        .on('uncaughtException', error => uncaught.push(error))
      onTestFinished(() => {
        process.removeAllListeners('uncaughtException')
        for (const other of others) {
          process.on('uncaughtException', other)
        }
      })
      tap.on(event, () => {
        throw new Error(`of ${event}`)
      })
      for (let i = 0; i < 2; i++) {
        port.change(event === 'mtu' ? { kind: event, mtu: 1400 + i } : { kind: event })
      }
      if (event === 'gone') {
        await once(tap, 'close')
      }
      await turn()
      expect(uncaught).toEqual(Array(event === 'gone' ? 1 : 2).fill(new Error(`of ${event}`)))
    },
  )

  test('close is idempotent, emits close once, and a write or a reader after it throws', async () => {
    const { tap } = await open()
    let closed = 0
    tap.on('close', () => closed++)
    await Promise.all([tap.close(), tap.close(), tap[Symbol.asyncDispose]()])
    expect(closed).toBe(1)
    expect(() => tap.write(frame(1))).toThrow('write tap0: EBADFD')
    expect(() => setOnFrames(tap, () => {})).toThrow('read tap0: EBADFD')
    tap.onFrames = undefined
    await expect(tap.drained()).rejects.toMatchObject({ errno: EBADFD })
  })

  test('drained() rejects when the tap is closed', async () => {
    const { tap, port } = await open()
    port.room = 0
    tap.write(frame(1))
    const drained = expect(tap.drained()).rejects.toMatchObject({ errno: EBADFD })
    await tap.close()
    await drained
  })

  test('one signal closes any number of taps, and Node warns of no leak', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => void warnings.push(warning)
    process.on('warning', note)
    onTestFinished(() => void process.off('warning', note))
    const { signal } = new AbortController()
    for (let i = 0; i < 12; i++) {
      await open({ signal })
    }
    await turn()
    expect(warnings).toEqual([])
    await Promise.all(taps.map(tap => tap.close()))
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('a signal closes the tap, and a tap that is closed does not listen to it', async () => {
    const controller = new AbortController()
    const { tap } = await open({ signal: controller.signal })
    setImmediate(() => controller.abort())
    for await (const _ of tap) {
    }
    expect(platform.ports).toEqual([])
    const other = new AbortController()
    const { tap: second } = await open({ signal: other.signal })
    await second.close()
    expect(getEventListeners(other.signal, 'abort')).toEqual([])
  })

  test('an aborted signal rejects with its reason, before and while the interface is made', async () => {
    await expect(open({ signal: AbortSignal.abort('early') })).rejects.toBe('early')
    const controller = new AbortController()
    const opening = open({ signal: controller.signal })
    controller.abort('late')
    await expect(opening).rejects.toBe('late')
    expect(platform.ports).toEqual([])
  })
})
