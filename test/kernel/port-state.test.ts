/** What a port of a LinuxHost knows of its interface: its name, that it was announced, its flags, queues, qdisc, and `refresh`. */
import { writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EAGAIN, ENOBUFS } from '../../src/core/errno.ts'
import { IFF_ALLMULTI, IFF_PROMISC } from '../../src/core/if.ts'
import { devAllocName } from '../../src/kernel/dev-name.ts'
import type { TapPort } from '../../src/kernel/tap-port.ts'
import { ethernet } from '../support/frames.ts'
import { TapPorts, Told } from '../support/tap-ports.ts'

describe('allocName', () => {
  test('gives a pattern the first number that is free there, and a name back as it is', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    for (const name of ['vnet0', 'vnet1', 'vnet3', 'vnet04']) taps.home.ip(`link add ${name} type bridge`)
    far.ip('link add vnet0 type bridge')
    const { host } = taps
    expect(host.allocName('vnet%d')).toBe('vnet2')
    expect(host.allocName('vnet%d', taps.home.name)).toBe('vnet2')
    expect(host.allocName('vnet%d', far.name)).toBe('vnet1')
    expect([host.allocName('tap%dx'), host.allocName('vnet0')]).toEqual(['tap0x', 'vnet0'])
    expect(() => host.allocName('vnet%d', 'nowhere-at-all')).toThrow(/^open .*ENOENT/)
  })

  test('and the kernel choose the same, alternative names included', async () => {
    const taps = new TapPorts()
    taps.home.ip('link add br0 type bridge')
    taps.home.ip('link property add dev br0 altname vnet0 altname other')
    taps.home.ip('link property add dev br0 altname vnet1')
    const { name } = (await taps.open({ name: 'vnet%d' })).link
    expect([taps.host.allocName('vnet%d'), name]).toEqual(['vnet3', 'vnet2'])
  })

  test('is ENFILE when no number is free, or none that fits', () => {
    const taken = (pattern: string, numbers: number) =>
      new Set(Array.from({ length: numbers }, (_, i) => pattern.replace('%d', String(i))))
    expect(devAllocName('vnet%d', taken('vnet%d', 32_767))).toBe('vnet32767')
    expect(() => devAllocName('vnet%d', taken('vnet%d', 32_768))).toThrow(/^dev_alloc_name vnet%d: ENFILE/)
    expect(devAllocName('fourteen-abcd%d', taken('fourteen-abcd%d', 10))).toBe('fourteen-abcd10')
    expect(() => devAllocName('fourteen-abcde%d', taken('fourteen-abcde%d', 10))).toThrow(/ENFILE/)
  })
})

describe('announced', () => {
  test('is a new interface, at home and elsewhere, and one that was there', async () => {
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

  test('is one that a listener opens, too', async () => {
    const taps = new TapPorts()
    const first = await taps.open()
    let second: Promise<TapPort> | undefined
    first.onChange(() => {
      second ??= taps.open({ name: 'tap1' })
    })
    await first.apply({ mtu: 1400 })
    expect((await second)?.announced).toBe(true)
  })

  /** A host whose event socket, the one that is bound, hears nothing; at first `error`. */
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

  test('is none that was not heard of', async () => {
    const taps = deaf()
    expect((await taps.open()).announced).toBe(false)
  })

  test('is one of which the event may be among those that were lost', async () => {
    const taps = deaf(-ENOBUFS)
    expect((await taps.open()).announced).toBe(true)
    expect((await taps.open({ name: 'tap1' })).announced).toBe(false)
  })
})

describe('flags', () => {
  const modes: [string, string, string, number][] = [
    ['promiscuous', 'promisc on', 'promisc off', IFF_PROMISC],
    ['all-multicast', 'allmulticast on', 'allmulticast off', IFF_ALLMULTI],
  ]
  test.each(modes)('are told of %s mode when a user sets it', async (_, on, off, flag) => {
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

  test('are told of promiscuous mode when a packet socket asks for it, though the kernel does not show the flag', async () => {
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

  test('are there from the beginning on an interface that has them', async () => {
    const taps = new TapPorts()
    taps.home.ip('tuntap add mode tap name tap0')
    taps.home.ip('link add br0 type bridge')
    taps.home.ip('link set tap0 master br0')
    const both = IFF_PROMISC | IFF_ALLMULTI
    expect((await taps.open()).link.flags & both).toBe(both)
  })
})

test('queues and queueing discipline are as the host has them', async () => {
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
  test('reads what changed, which is told afterwards all the same, once', async () => {
    const taps = new TapPorts()
    const port = await taps.open({ multicastList: true })
    const told = new Told(port)
    taps.home.ip('link set tap0 mtu 1400 txqueuelen 7')
    taps.home.ip('addr add 198.18.0.1/24 dev tap0')
    taps.home.ip('link set tap0 name other0')
    const link = port.refresh()
    expect(link).toBe(port.link)
    expect(link).toMatchObject({ name: 'other0', mtu: 1400, txQueueLen: 7, addresses: [Uint8Array.of(198, 18, 0, 1)] })
    expect(told.changes).toEqual([])
    await port.apply({})
    expect([...told.kinds].sort()).toEqual(['addresses', 'mtu', 'renamed', 'txqueuelen'])
  })

  test('of what was read before one listens is not told again', async () => {
    const taps = new TapPorts()
    const port = await taps.open()
    taps.home.ip('link set tap0 up')
    port.refresh()
    const told = new Told(port)
    await port.apply({ mtu: 1400 })
    expect(told.kinds).toEqual(['mtu'])
  })

  test('finds an interface that moved, and the move is told', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    far.ip(`link add taken index ${(await taps.open({ name: 'tap1' })).link.ifindex + 1} type bridge`)
    const port = await taps.open()
    const told = new Told(port)
    const { ifindex } = port.link
    taps.home.ip(`link set tap0 mtu 1400 netns ${far.name}`)
    const [shown] = JSON.parse(far.ip('-j link show tap0'))
    expect(port.refresh()).toMatchObject({ mtu: 1400, ifindex: shown.ifindex })
    expect(shown.ifindex).not.toBe(ifindex)
    expect(await told.until('moved')).toMatchObject({ ifindex: shown.ifindex })
    far.ip('link set tap0 mtu 1300')
    await told.until('mtu', ({ mtu }) => mtu === 1300)
  })

  test('is not needed for what is asked of the interface to reach it, where another has its index since it moved', async () => {
    const taps = new TapPorts()
    const far = taps.own.add()
    const port = await taps.open()
    const [fd] = taps.own.tap(far, 'taken')
    far.ip('link set taken up')
    writeSync(fd!, ethernet(0x88b5, 46))
    const [taken] = JSON.parse(far.ip('-s -j link show taken'))
    expect([taken.ifindex, taken.stats64.rx.packets]).toEqual([port.link.ifindex, 1])
    taps.home.ip(`link set tap0 netns ${far.name}`)
    // Nothing was heard of it yet.
    expect(port.hostStats()![0]).toBe(0)
    await port.apply({ mtu: 1400, txQueueLen: 7, addresses: ['198.18.0.1/24'] })
    const mtus = JSON.parse(far.ip('-j addr show')).map(({ ifname, mtu, txqlen }: never) => [ifname, mtu, txqlen])
    expect(mtus).toContainEqual(['taken', 1500, 1000])
    expect(mtus).toContainEqual(['tap0', 1400, 7])
    expect(far.ip('-4 addr show dev taken')).toBe('')
    expect(far.ip('-4 addr show dev tap0')).toContain('198.18.0.1/24')
  })

  test('is EBADFD when the interface is gone, told or not, or the port closed', async () => {
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
