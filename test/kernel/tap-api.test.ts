/** openTap on the kernel's own interfaces: namespaces, events, offloads, TUNs. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { EBADFD, EEXIST, ENETUNREACH } from '#src/base/errno.ts'
import { LinuxPlatform } from '#src/linux/platform.ts'
import type { Tap } from '#src/linux/tap/device.ts'
import type { TapFrame } from '#src/linux/tap/frame.ts'
import { openTap, type TapOptions } from '#src/linux/tap/open.ts'
import { O_RDONLY } from '#src/linux/uapi.ts'
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, SKB_GSO_UDP_L4 } from '#src/skb/sk-buff.ts'
import { numberedFrame } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { type Streams, startStreams } from '#support/verified-streams.ts'
import { buildPacket, plain } from '../packet/frames.ts'

const { own, netns } = freshQuietNamespaces('netns')
const taps: Tap[] = []

afterEach(async () => {
  // Together: a program that hands frames from one to another may not write to one that is closed.
  await Promise.all(taps.splice(0).map(tap => tap.close()))
})

async function open(options: TapOptions = {}): Promise<Tap> {
  const tap = await openTap({ netns: netns.name, ...options })
  taps.push(tap)
  return tap
}

const descriptors = (): number => readdirSync('/proc/self/fd').length

describe('opening', () => {
  test('an opened interface has the requested options, and close deletes it with every descriptor', async () => {
    // The addon keeps this one.
    own.native.unnamedNetns()
    const before = descriptors()
    const options = {
      name: 'lib%d',
      mtu: 1400,
      mac: '02:00:00:00:00:17',
      queues: 2,
      addresses: ['198.18.0.1/24'],
    }
    const tap = await open(options)
    const [shown] = JSON.parse(netns.ip('-j -d addr show dev lib0'))
    expect(shown).toMatchObject({ ifindex: tap.ifindex, mtu: 1400, address: '02:00:00:00:00:17' })
    expect(shown.flags).toEqual(expect.arrayContaining(['UP', 'LOWER_UP']))
    expect(shown.linkinfo.info_data).toMatchObject({
      type: 'tap',
      multi_queue: true,
      numqueues: 2,
      vnet_hdr: false,
    })
    expect(shown.addr_info).toMatchObject([{ local: '198.18.0.1', prefixlen: 24 }])
    expect([tap.name, tap.mac, tap.mtu, tap.queues]).toEqual(['lib0', '02:00:00:00:00:17', 1400, 2])
    await tap.close()
    expect(netns.ip('-br link')).not.toContain('lib0')
    expect(descriptors()).toBe(before)
  })

  test('openTap returns only when the kernel has finished the request', async () => {
    let finish = () => {}
    const settle = vi.spyOn(LinuxPlatform.prototype, 'settle').mockImplementation(
      () =>
        new Promise(resolve => {
          finish = resolve
        }),
    )
    const opening = open()
    let isOpen = false
    const opened = opening.then(() => {
      isOpen = true
    })
    await expect.poll(() => settle.mock.calls.length).toBe(1)
    await new Promise(setImmediate)
    expect(isOpen).toBe(false)
    finish()
    await opened
    settle.mockRestore()
  })

  test('a namespace that is only a descriptor is named by its path', async () => {
    const fd = own.own(own.native.open(`/run/netns/${netns.name}`, O_RDONLY, -1))
    const tap = await open({ netns: `/proc/self/fd/${fd}` })
    expect(netns.ip('-br link')).toContain(tap.name)
  })

  test('a request that the kernel refuses leaves no interface and no descriptor', async () => {
    netns.ip('link add veth0 type veth peer name veth1')
    const before = descriptors()
    await expect(open({ name: 'veth0' })).rejects.toMatchObject({ errno: EEXIST })
    await expect(open({ routes: ['192.0.2.0/24 via 198.18.7.7'] })).rejects.toMatchObject({
      errno: ENETUNREACH,
    })
    await expect(open({ netns: 'there-is-none' })).rejects.toThrow(
      'there is no such network namespace',
    )
    expect(netns.ip('-br link')).not.toContain('tap')
    expect(descriptors()).toBe(before)
  })

  test('close takes the link down immediately, and deletes the interface while the event loop turns', async () => {
    const tap = await open()
    expect(tap.isUp).toBe(true)
    let isClosed = false
    const closing = tap.close().then(() => {
      isClosed = true
    })
    expect(tap.isUp).toBe(false)
    // Everything that needs no turn of the event loop runs here.
    for (let i = 0; i < 100; i++) {
      await null
    }
    expect(isClosed).toBe(false)
    await closing
  })

  test('a persistent TUN is attached to as a TUN only', async () => {
    netns.ip('tuntap add dev keep0 mode tun')
    await expect(open({ name: 'keep0' })).rejects.toThrow('not a TAP')
    const tap = await open({ name: 'keep0', layer: 'tun', addresses: ['198.18.0.1/24'] })
    expect(tap.isUp).toBe(true)
    await tap.close()
    expect(netns.ip('-br link')).toContain('keep0')
  })
})

describe('frames', () => {
  test('openTap reads the kernel’s frames, and the kernel receives written ones', async () => {
    const tap = await open()
    using socket = new PacketSocket(netns, tap.name)
    for (let i = 0; i < 40; i++) {
      socket.send(numberedFrame(i))
    }
    const seen: number[] = []
    for await (const frames of tap) {
      for (const { bytes, length } of frames) {
        seen.push(bytes[length - 1] as number)
      }
      if (seen.length < 40) continue
      // Some go back as they are, some as bytes.
      expect(tap.writeBatch([...frames.slice(0, 2), numberedFrame(100)])).toBe(true)
      break
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i))
    await socket.until(({ octets }) => octets[59] === 100)
    expect(tap.counters).toMatchObject({ framesRead: 40, framesWritten: 3, dropped: 0 })
    const [{ stats64 }] = JSON.parse(netns.ip(`-j -s link show dev ${tap.name}`))
    expect([stats64.tx.packets, stats64.rx.packets]).toEqual([40, 3])
  })

  test('refused frames are counted: a short frame, and any frame while the link is down', async () => {
    const tap = await open()
    tap.write(new Uint8Array(13))
    netns.ip(`link set ${tap.name} down`)
    tap.write(numberedFrame(1))
    expect(tap.counters.drops).toEqual({ HDR_TRUNC: 1, DEV_READY: 1 })
  })

  test('a TUN carries IP packets without a link header, in both directions', async () => {
    const tap = await open({ layer: 'tun', addresses: ['198.18.0.2/24'] })
    const ping = netns.run('ping -c 1 -W 30 198.18.0.1')
    for await (const [first] of tap) {
      const reply = (first as TapFrame).copy()
      expect([reply[0], reply.length]).toEqual([0x45, 84])
      // An echo reply: addresses swapped, the type 0, the checksum grown by the 8 that it lost.
      reply.set(reply.slice(12, 16), 16)
      reply.set([198, 18, 0, 1], 12)
      reply[20] = 0
      const sum = (((reply[22] as number) << 8) | (reply[23] as number)) + 0x0800
      reply.set([(sum >> 8) & 0xff, (sum & 0xff) + (sum >> 16)], 22)
      tap.write(reply)
      break
    }
    expect((await ping).stdout).toContain(' 0% packet loss')
    tap.write(Uint8Array.of(0x75, 1, 2))
    expect(tap.counters.drops).toEqual({ HDR_TRUNC: 1 })
  })
})

describe('offloads', () => {
  const end = (at: Netns, address: string) => ({ netns: at, address, reachedAt: address })

  async function transfer(streams: Streams): Promise<void> {
    await streams.more(4 << 20)
    for (const { octets, wrong } of await streams.end()) {
      expect(octets).toBeGreaterThan(4 << 20)
      expect(wrong).toEqual([])
    }
  }

  /**
   * Joins two TAPs in namespaces of their own, and sends TCP in both directions, verified byte by
   * byte.
   */
  async function join(
    layer: 'tap' | 'tun',
    ways: [boolean, boolean],
    onFrame = (_: TapFrame): void => {},
  ) {
    const far = own.addQuiet()
    const ends = [
      { netns: netns.name, addresses: ['198.18.0.1/24'] },
      { netns: far.name, addresses: ['198.18.0.2/24'] },
    ]
    const [a, b] = (await Promise.all(
      ends.map((end, i) => open({ ...end, layer, offload: ways[i] as boolean })),
    )) as [Tap, Tap]
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.onFrames = frames => {
        for (const frame of frames) {
          onFrame(frame)
        }
        to.writeBatch(frames)
      }
    }
    const streams = await startStreams(end(netns, '198.18.0.1'), end(far, '198.18.0.2'))
    return { a, b, far, streams }
  }

  test.each([
    ['tap', [true, true]],
    ['tap', [true, false]],
    ['tun', [true, true]],
    ['tun', [true, false]],
    ['tun', [false, false]],
  ] as const)(
    'TCP through two of layer %s with offloads %j arrives byte by byte',
    async (layer, ways) => {
      let largest = 0
      const { a, b, streams } = await join(layer, [...ways], ({ length }) => {
        largest = Math.max(largest, length)
      })
      await transfer(streams)
      expect(largest > 9000).toBe(ways[0] || ways[1])
      for (const { counters } of [a, b]) {
        expect(counters.dropped).toBe(0)
      }
    },
  )

  const udp = buildPacket({
    ...plain,
    kind: 'udp',
    payload: Array(3000).fill(7),
    checksum: 'partial',
  })
  const whole = {
    gsoSize: 1000,
    gsoType: SKB_GSO_UDP_L4,
    ipSummed: CHECKSUM_PARTIAL,
    csumStart: 20,
    csumOffset: 6,
  }
  test.each([
    ['GSO that is right', whole, {}],
    ['GSO without a partial checksum', { ...whole, ipSummed: CHECKSUM_NONE }, { SKB_GSO_SEG: 1 }],
    ['GSO with the checksum field of TCP', { ...whole, csumOffset: 16 }, { SKB_GSO_SEG: 1 }],
    ['GSO with a checksum beyond the frame', { ...whole, csumStart: 5000 }, { SKB_GSO_SEG: 1 }],
    ['GSO of 3000 segments', { ...whole, gsoSize: 1 }, { SKB_GSO_SEG: 1 }],
    [
      'a checksum beyond the frame',
      { ipSummed: CHECKSUM_PARTIAL, csumStart: 5000, csumOffset: 6 },
      { SKB_CSUM: 1 },
    ],
    [
      'a checksum field at the end',
      { ipSummed: CHECKSUM_PARTIAL, csumStart: 3026, csumOffset: 1 },
      { SKB_CSUM: 1 },
    ],
  ])('a frame with %s that the kernel refuses has its own reason', async (_, info, drops) => {
    const tap = await open({ layer: 'tun', offload: true, addresses: ['198.18.0.2/24'] })
    tap.write(Uint8Array.from(udp), info)
    tap.write(new Uint8Array(10), info)
    tap.write(new Uint8Array(0))
    const { framesWritten, drops: counted } = tap.counters
    const isRefused = Object.keys(drops).length > 0
    expect([framesWritten, counted]).toEqual([isRefused ? 0 : 1, { ...drops, HDR_TRUNC: 2 }])
  })

  test('txqueuelen is the length of the queue of frames for the program', async () => {
    const tap = await open({ txqueuelen: 7 })
    const [{ txqlen }] = JSON.parse(netns.ip(`-j link show dev ${tap.name}`))
    expect(txqlen).toBe(7)
  })

  test('segment() gives packets that other network stacks accept', async () => {
    const far = own.addQuiet()
    const a = await open({ offload: true, addresses: ['198.18.0.1/24'] })
    const b = await open({ netns: far.name, addresses: ['198.18.0.2/24'] })
    let cut = 0
    a.onFrames = frames => {
      for (const frame of frames) {
        if (frame.gsoSize !== 0) {
          cut++
        }
        for (const packet of frame.segment()) {
          expect(packet.length).toBeLessThanOrEqual(1514)
          b.write(packet.bytes)
        }
      }
    }
    b.onFrames = frames => void a.writeBatch(frames)
    const streams = await startStreams(end(netns, '198.18.0.1'), end(far, '198.18.0.2'))
    await transfer(streams)
    expect(cut).toBeGreaterThan(10)
    expect(far.exec('cat /proc/net/snmp')).toMatch(/Tcp:.* 0 \d+ 0\n/)
  })
})

describe('events', () => {
  test('ip link changes are emitted as down, mtu and up', async () => {
    const tap = await open()
    const events: unknown[] = []
    tap.on('down', () => events.push('down')).on('mtu', mtu => events.push(mtu))
    netns.ip(
      `link set ${tap.name} down`,
      `link set ${tap.name} mtu 1280 name other0`,
      'link set other0 up',
    )
    await once(tap, 'up')
    expect(events).toEqual(['down', 1280])
    expect([tap.name, tap.mtu, tap.isUp]).toEqual(['other0', 1280, true])
  })

  test.each([
    ['the interface is deleted', (name: string) => void netns.ip(`link del ${name}`)],
    ['its namespace is deleted', () => netns.remove()],
  ])('when %s, gone and close are emitted, and the loop throws', async (_, remove) => {
    netns.release()
    const before = descriptors()
    const tap = await open()
    const closed = once(tap, 'close')
    const gone = once(tap, 'gone')
    const loop = (async () => {
      for await (const _ of tap) {
      }
    })()
    const failure = expect(loop).rejects.toMatchObject({ errno: EBADFD })
    remove(tap.name)
    await Promise.all([gone, closed, failure])
    expect(tap.isUp).toBe(false)
    expect(descriptors()).toBe(before)
    tap.write(Uint8Array.from(buildPacket(plain)))
    expect(tap.counters.drops).toEqual({ DEV_READY: 1 })
  })

  test('an aborted signal removes the interface', async () => {
    const controller = new AbortController()
    const tap = await open({ signal: controller.signal })
    setImmediate(() => controller.abort())
    for await (const _ of tap) {
    }
    await tap.close()
    expect(netns.ip('-br link')).not.toContain(tap.name)
  })

  test('a program ends by itself once its tap is closed, and not while it is open', () => {
    const program = `
      import { openTap } from 'vnet/tap'
      const tap = await openTap({ netns: '${netns.name}' })
      setTimeout(() => tap.close().then(() => console.log('closed')), 300).unref()
    `
    const options = { encoding: 'utf8', timeout: 60_000 } as const
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], options)).toBe(
      'closed\n',
    )
  })
})
