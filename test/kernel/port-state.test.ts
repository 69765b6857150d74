/** The state of a LinuxPlatform's port: name, `announced`, flags, queues, qdisc, and `refresh`. */
import { readlinkSync, writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual as equals } from 'node:util'
import { describe, expect, test } from 'vitest'
import { EAGAIN, ENOBUFS, EPERM } from '#src/base/errno.ts'
import { devAllocName } from '#src/linux/tap/interface.ts'
import type { TapPort } from '#src/linux/tap/port.ts'
import { TUNSETOFFLOAD } from '#src/linux/uapi.ts'
import { IFF_ALLMULTI, IFF_PROMISC } from '#src/netdev/if.ts'
import type { LinkState } from '#src/netdev/port.ts'
import { ethernet } from '#support/frames.ts'
import { TapPorts, Told } from '#support/tap-ports.ts'

describe('allocName', () => {
  test('allocName replaces %d by the first free number, and returns a plain name unchanged', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    for (const name of ['vnet0', 'vnet1', 'vnet3', 'vnet04']) {
      taps.home.ip(`link add ${name} type bridge`)
    }
    far.ip('link add vnet0 type bridge')
    const { platform } = taps
    expect(platform.allocName('vnet%d')).toBe('vnet2')
    expect(platform.allocName('vnet%d', taps.home.name)).toBe('vnet2')
    expect(platform.allocName('vnet%d', far.name)).toBe('vnet1')
    expect([platform.allocName('tap%dx'), platform.allocName('vnet0')]).toEqual(['tap0x', 'vnet0'])
    expect(() => platform.allocName('vnet%d', 'nowhere-at-all')).toThrow(/^open .*ENOENT/)
  })

  test('allocName chooses the name that the kernel chooses, also with alternative names', async () => {
    const taps = new TapPorts()
    taps.home.ip(
      'link add br0 type bridge',
      'link property add dev br0 altname vnet0 altname other',
    )
    taps.home.ip('link property add dev br0 altname vnet1')
    const { name } = (await taps.open({ name: 'vnet%d' })).link
    expect([taps.platform.allocName('vnet%d'), name]).toEqual(['vnet3', 'vnet2'])
  })

  test('allocName throws ENFILE when no number is free or fits', () => {
    const taken = (pattern: string, numbers: number) =>
      new Set(Array.from({ length: numbers }, (_, i) => pattern.replace('%d', String(i))))
    expect(devAllocName('vnet%d', taken('vnet%d', 32_767))).toBe('vnet32767')
    expect(() => devAllocName('vnet%d', taken('vnet%d', 32_768))).toThrow(
      /^dev_alloc_name: ENFILE, .*; every name vnet%d is taken; choose another$/,
    )
    expect(devAllocName('fourteen-abcd%d', taken('fourteen-abcd%d', 10))).toBe('fourteen-abcd10')
    expect(() => devAllocName('fourteen-abcde%d', taken('fourteen-abcde%d', 10))).toThrow(/ENFILE/)
  })
})

test('a port is refused with ENODEV if its interface is deleted while it opens', async () => {
  const taps = new TapPorts(native => ({
    unnamedNetns: () => -EPERM,
    ioctl(fd, request, arg, data) {
      const result = native.ioctl(fd, request, arg, data)
      if (request === TUNSETOFFLOAD) {
        taps.home.ip('link delete tap0')
      }
      return result
    },
  }))
  await expect(taps.open()).rejects.toThrow(/^RTM_GETLINK tap0: ENODEV/)
})

describe('announced', () => {
  test('announced is true for a new interface in any namespace, and for an existing one', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    taps.home.ip('tuntap add mode tap name there0 multi_queue')
    const ports = [
      await taps.open(),
      await taps.open({ netns: far.name, queues: 3 }),
      await taps.open({ name: 'there0' }),
    ]
    expect(ports.map(({ announced, created }) => [announced, created])).toEqual([
      [true, true],
      [true, true],
      [true, false],
    ])
  })

  test('announced is true for a port that a listener opens', async () => {
    const taps = new TapPorts()
    const first = await taps.open()
    let second: Promise<TapPort> | undefined
    first.onChange(() => {
      second ??= taps.open({ name: 'tap1' })
    })
    await first.apply({ mtu: 1400 })
    expect((await second)?.announced).toBe(true)
  })

  /** A platform with a bound event socket that returns `error` once and then nothing. */
  function deaf(...error: number[]): TapPorts {
    let events = -1
    return new TapPorts(({ bind, recvmsg }) => ({
      bind(fd, address) {
        events = fd
        return bind(fd, address)
      },
      recvmsg: (fd, ...rest) => (fd === events ? (error.shift() ?? -EAGAIN) : recvmsg(fd, ...rest)),
    }))
  }

  test('announced is false when no event was received', async () => {
    const taps = deaf()
    expect((await taps.open()).announced).toBe(false)
  })

  test('announced is true when events were lost while the port opened', async () => {
    const taps = deaf(-ENOBUFS)
    expect((await taps.open()).announced).toBe(true)
    expect((await taps.open({ name: 'tap1' })).announced).toBe(false)
  })
})

describe('during a flood of events', () => {
  /**
   * Ports whose monitor never reads an event of the kernel until the flood ends, and the number of
   * its reads. Each read returns `result`; a message comes from another process.
   */
  function flooded(result = -ENOBUFS) {
    let events = -1
    const flood = { reads: 0, ended: false }
    const taps = new TapPorts(({ bind, recvmsg }) => ({
      bind(fd, address) {
        events = fd
        return bind(fd, address)
      },
      recvmsg(fd, into, flags, meta) {
        if (fd !== events || flood.ended) return recvmsg(fd, into, flags, meta)
        flood.reads++
        meta[0] = 1
        return result
      },
    }))
    return { taps, flood }
  }

  test('during a flood of events a port opens, and reads few events at a time', async () => {
    const { taps, flood } = flooded()
    const opening = taps.open()
    await setImmediate()
    expect(flood.reads).toBeLessThanOrEqual(64)
    expect((await opening).announced).toBe(true)
  })

  test('a request settles when the port has reported its changes', async () => {
    const port = await flooded().taps.open()
    const told: string[] = []
    port.onChange(({ kind }) => told.push(kind))
    await port.apply({ up: true, mtu: 1400 })
    expect(told).toEqual(expect.arrayContaining(['up', 'mtu']))
  })

  test('the first request after a flood settles when the port has reported its changes', async () => {
    const { taps, flood } = flooded(16)
    const port = await taps.open()
    await port.apply({ mtu: 1400 })
    const told: string[] = []
    port.onChange(({ kind }) => told.push(kind))
    flood.ended = true
    // Reads the last events of the flood itself.
    await port.apply({ up: true })
    expect(told).toContain('up')
  })
})

describe('flags', () => {
  const modes: [string, string, string, number][] = [
    ['promiscuous', 'promisc on', 'promisc off', IFF_PROMISC],
    ['all-multicast', 'allmulticast on', 'allmulticast off', IFF_ALLMULTI],
  ]
  test.each(modes)('flags report %s mode when a user sets it', async (_, on, off, flag) => {
    const taps = new TapPorts()
    const port = await taps.open()
    const told = new Told(port)
    taps.home.ip(`link set tap0 ${on}`)
    await told.until('flags', ({ flags }) => (flags & flag) !== 0)
    expect(port.link.flags & flag).toBe(flag)
    taps.home.ip(`link set tap0 ${off}`)
    await told.until('flags', ({ flags }) => (flags & flag) === 0)
    expect([port.link.flags & flag, told.kinds]).toEqual([0, ['flags', 'flags']])
  })

  test('flags report promiscuous mode of a packet socket, which the kernel does not show', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    const port = await taps.open({ netns: far.name })
    await port.apply({ up: true })
    const told = new Told(port)
    const tcpdump = far.spawn('tcpdump -n -i tap0')
    await told.until('flags', ({ flags }) => (flags & IFF_PROMISC) !== 0)
    expect(far.ip('link show tap0')).not.toContain('PROMISC')
    tcpdump.kill('SIGINT')
    await told.until('flags', ({ flags }) => (flags & IFF_PROMISC) === 0)
    expect(told.kinds.filter(kind => kind === 'flags')).toHaveLength(2)
  })

  test('flags of an existing interface are known when the port opens', async () => {
    const taps = new TapPorts()
    taps.home.ip(
      'tuntap add mode tap name tap0',
      'link add br0 type bridge',
      'link set tap0 master br0',
    )
    const both = IFF_PROMISC | IFF_ALLMULTI
    expect((await taps.open()).link.flags & both).toBe(both)
  })
})

test('queues and queueing discipline match the kernel’s', async () => {
  const taps = new TapPorts()
  taps.home.ip('tuntap add mode tap name single0')
  const port = await taps.open({ queues: 3 })
  const single = await taps.open({ name: 'single0' })
  expect([port.link.queues, single.link.queues]).toEqual([3, 1])
  const shown = () => JSON.parse(taps.home.ip('-j link show tap0'))[0].qdisc
  expect(port.link.qdisc).toBe('noop')
  expect(shown()).toBe('noop')
  await port.apply({ up: true })
  expect(port.link.qdisc).toBe(shown())
  expect(port.link.qdisc).not.toBe('noop')
  taps.home.exec('tc qdisc replace dev tap0 root pfifo')
  expect(port.refresh().qdisc).toBe('pfifo')
})

describe('refresh', () => {
  test('refresh reads a change, which is still reported afterwards, once', async () => {
    const taps = new TapPorts()
    const port = await taps.open({ multicastList: true })
    const told = new Told(port)
    taps.home.ip('link set tap0 mtu 1400 txqueuelen 7', 'addr add 198.18.0.1/24 dev tap0')
    taps.home.ip('link set tap0 name other0')
    const link = port.refresh()
    expect(link).toBe(port.link)
    expect(link).toMatchObject({
      name: 'other0',
      mtu: 1400,
      txQueueLen: 7,
      addresses: [Uint8Array.of(198, 18, 0, 1)],
    })
    expect(told.changes).toEqual([])
    await port.apply({})
    expect([...told.kinds].sort()).toEqual(['addresses', 'mtu', 'renamed', 'txqueuelen'])
  })

  test.each([
    ['MTU', 'mtu 1400', ({ mtu }: LinkState) => ({ mtu })],
    ['hardware address', 'address 02:00:00:00:00:66', ({ address }: LinkState) => ({ address })],
  ])(
    'the same %s is reported again after it was undone, also when both arrive together',
    async (...row) => {
      const [, words, before] = row
      const taps = new TapPorts()
      const port = await taps.open()
      const request = before(port.link)
      const set = () => taps.home.ip(`link set tap0 ${words}`)
      let times = 0
      const done = new Promise<void>(resolve => {
        port.onChange(({ kind: _, ...changed }) => {
          if (equals(changed, request)) return
          times++
          void port.apply(request)
          if (times < 3) {
            set()
          } else {
            resolve()
          }
        })
      })
      set()
      await done
      await port.apply({})
      expect([times, port.link]).toMatchObject([3, request])
    },
  )

  test('a change read before onChange is not reported', async () => {
    const taps = new TapPorts()
    const port = await taps.open()
    taps.home.ip('link set tap0 up')
    port.refresh()
    const told = new Told(port)
    await port.apply({ mtu: 1400 })
    expect(told.kinds).toEqual(['mtu'])
  })

  test('refresh finds an interface that moved, and the move is reported', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    far.ip(
      `link add taken index ${(await taps.open({ name: 'tap1' })).link.ifindex + 1} type bridge`,
    )
    const port = await taps.open()
    const told = new Told(port)
    const { ifindex } = port.link
    taps.home.ip(`link set tap0 mtu 1400 netns ${far.name}`)
    const [shown] = JSON.parse(far.ip('-j link show tap0'))
    expect(port.refresh()).toMatchObject({ mtu: 1400, ifindex: shown.ifindex })
    expect(shown.ifindex).not.toBe(ifindex)
    expect(await told.until('moved')).toMatchObject({ ifindex: shown.ifindex })
    expect(port.netns).toBe(far.name)
    far.ip('link set tap0 mtu 1300')
    await told.until('mtu', ({ mtu }) => mtu === 1300)
  })

  test.each([
    ['in another namespace', false],
    ['that comes back', true],
  ])('a port %s reports nothing of an interface that got its old index', async (_, comesBack) => {
    const taps = new TapPorts()
    const far = taps.own.add()
    const port = await taps.open()
    const told = new Told(port)
    const { ifindex } = port.link
    taps.home.ip(
      `link set tap0 netns ${far.name}`,
      `link add foreign index ${ifindex} mtu 1234 type bridge`,
    )
    if (comesBack) {
      far.ip(`link set tap0 netns ${taps.home.name}`)
    }
    await told.until('moved')
    ;(comesBack ? taps.home : far).ip('link set tap0 mtu 1300')
    await told.until('mtu', ({ mtu }) => mtu === 1300)
    expect(told.changes.filter(({ kind }) => kind === 'mtu' || kind === 'renamed')).toEqual([
      { kind: 'mtu', mtu: 1300 },
    ])
    expect(port.link).toMatchObject({ name: 'tap0', mtu: 1300 })
    expect(port.link.ifindex === ifindex).toBe(!comesBack)
  })

  test('a port in a namespace without a name has the name that /proc shows', async () => {
    const taps = new TapPorts()
    const port = await taps.open()
    const told = new Told(port)
    const unnamed = taps.own.native.createNetns()
    taps.home.ip(`link set tap0 netns /proc/${process.pid}/fd/${unnamed}`)
    await told.until('moved')
    expect(port.netns).toBe(readlinkSync(`/proc/self/fd/${unnamed}`))
    taps.own.native.close(unnamed)
  })

  test('apply reaches a moved interface even if another one has its old index', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    const port = await taps.open()
    const [fd] = taps.own.tap(far, 'taken')
    far.ip('link set taken up')
    writeSync(fd!, ethernet(0x88b5, 46))
    const [taken] = JSON.parse(far.ip('-s -j link show taken'))
    expect([taken.ifindex, taken.stats64.rx.packets]).toEqual([port.link.ifindex, 1])
    taps.home.ip(`link set tap0 netns ${far.name}`)
    // No event of it was read yet.
    expect(port.kernelStats()![0]).toBe(0)
    await port.apply({ mtu: 1400, txQueueLen: 7, addresses: ['198.18.0.1/24'] })
    const mtus = JSON.parse(far.ip('-j addr show')).map(({ ifname, mtu, txqlen }: never) => [
      ifname,
      mtu,
      txqlen,
    ])
    expect(mtus).toContainEqual(['taken', 1500, 1000])
    expect(mtus).toContainEqual(['tap0', 1400, 7])
    expect(far.ip('-4 addr show dev taken')).toBe('')
    expect(far.ip('-4 addr show dev tap0')).toContain('198.18.0.1/24')
  })

  test('refresh throws EBADFD when the interface is deleted or the port is closed', async () => {
    const taps = new TapPorts()
    const port = await taps.open()
    const told = new Told(port)
    taps.home.ip('link del tap0')
    expect(() => port.refresh()).toThrow(/EBADFD.*; the interface is gone$/)
    await told.until('gone')
    expect(() => port.refresh()).toThrow(/^tap0: EBADFD/)
    const second = await taps.open()
    await second.close()
    expect(() => second.refresh()).toThrow(/^tap0: EBADFD/)
  })
})
