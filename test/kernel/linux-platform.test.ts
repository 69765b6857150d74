/**
 * Ports of a LinuxPlatform: how they are made in other namespaces, and how they report several
 * simultaneous changes.
 */
import { readdirSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { EBUSY, EEXIST, ENOMEM } from '#src/base/errno.ts'
import { LOGLEVEL_ERR, Log } from '#src/base/log.ts'
import { Turns, type Work } from '#src/base/turns.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { eventLoopClock, TimerfdClock } from '#src/linux/clock.ts'
import type { Native } from '#src/linux/native.ts'
import { LinuxPlatform } from '#src/linux/platform.ts'
import { getLink, type Link, RouteSocket } from '#src/linux/rtnetlink.ts'
import { allocNetdevMqs, etherSetup } from '#src/netdev/eth.ts'
import { IFF_PROMISC, IFF_UP } from '#src/netdev/if.ts'
import { Net } from '#src/netdev/net.ts'
import { registerNetdev } from '#src/netdev/register.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { OwnNetns } from '#support/netns.ts'

async function toldOf(
  changes: Partial<Link>,
  onTold: (close: () => void) => void = () => {},
): Promise<string[]> {
  using own = new OwnNetns()
  const native = own.at(own.add())
  await using platform = new LinuxPlatform(native)
  using sock = RouteSocket.open(native)
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const port = await platform.open({ name: 'tap0', queues: 1, features: 0, slots })
  const told: string[] = []
  port.onChange(({ kind }) => {
    told.push(kind)
    onTold(() => void port.close())
  })
  port.linkEvent({ ...(getLink(sock, { name: 'tap0' }) as Link), ...changes })
  return told
}

test('several simultaneous changes are each reported, up last', async () => {
  const flags = IFF_UP
  expect(await toldOf({ mtu: 1400, name: 'other', flags })).toEqual([
    'renamed',
    'mtu',
    'flags',
    'up',
  ])
})

test('an event that is older than the modes of an interface does not end them', async () => {
  using own = new OwnNetns()
  const netns = own.add()
  const native = own.at(netns)
  await using platform = new LinuxPlatform(native)
  using sock = RouteSocket.open(native)
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const port = await platform.open({
    name: 'tap0',
    queues: 1,
    features: 0,
    slots,
    multicastList: true,
  })
  const before = getLink(sock, { name: 'tap0' }) as Link
  netns.ip(
    'link add link tap0 address 02:07:07:07:07:07 type macvlan mode private',
    'link set macvlan0 up',
  )
  netns.ip('link set tap0 up')
  port.reportLists()
  expect(port.link.flags & IFF_PROMISC).toBe(IFF_PROMISC)
  port.linkEvent(before)
  expect(port.link.flags & IFF_PROMISC).toBe(IFF_PROMISC)
  netns.ip('link del macvlan0')
  port.reportLists()
  expect(port.link.flags & IFF_PROMISC).toBe(0)
})

test('nothing more is reported after the listener closes the port', async () => {
  expect(await toldOf({ mtu: 1400, name: 'other', flags: IFF_UP }, close => close())).toEqual([
    'renamed',
  ])
})

test('eight TAPs are closed at the same time, and the platform after the last, whoever closed them', async () => {
  using own = new OwnNetns()
  const netns = own.add()
  const pending: (() => number)[] = []
  const native = own.at(netns, {
    closeAside: (fds, event) => pending.push(() => own.native.closeAside(fds, event)),
  })
  const platform = new LinuxPlatform(native)
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const spec = { queues: 1, features: 0, slots }
  const ports = []
  for (let i = 0; i < 9; i++) {
    ports.push(await platform.open({ ...spec, name: `tap${i}` }))
  }
  const closing = ports.map(port => port.close())
  let isClosed = false
  const closed = platform.close().then(() => {
    isClosed = true
  })
  await setImmediate()
  expect(pending).toHaveLength(8)
  for (const close of pending.splice(0)) {
    close()
  }
  await Promise.all(closing.slice(0, 8))
  await setImmediate()
  expect([pending.length, isClosed]).toEqual([1, false])
  pending[0]?.()
  await closed
  expect(netns.ip('-br link')).not.toContain('tap')
})

test('two interfaces for another namespace can be made at the same time', async () => {
  using own = new OwnNetns()
  const [home, far] = [own.add(), own.add()]
  await using platform = new LinuxPlatform(own.at(home))
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const spec = { name: 'tap%d', features: 0, slots, netns: far.name }
  const ports = await Promise.all([1, 2].map(queues => platform.open({ ...spec, queues })))
  expect(ports.map(port => port.link.name).sort()).toEqual(['tap0', 'tap1'])
  expect(ports.map(port => port.announced)).toEqual([true, true])
  for (const name of ['tap0', 'tap1']) {
    expect(far.ip(`-br link show ${name}`)).toContain(name)
  }
  for (const port of ports) {
    await port.close()
  }
})

test('a Net of a Linux platform grants the time that the platform uses for events', async () => {
  using own = new OwnNetns()
  await using platform = new LinuxPlatform(own.at(own.add()))
  const net = new Net({ platform, clock: new FakeClock(), log: new Log(LOGLEVEL_ERR, () => {}) })
  const add = vi.spyOn(net.turns, 'add')
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const port = await platform.open({ name: 'tap0', queues: 1, features: 0, slots })
  add.mockClear()
  platform.listsChanged(port)
  expect(add).toHaveBeenCalled()
})

test('a device comes up while events of another interface wait to be read, and reports each change once', async () => {
  using own = new OwnNetns()
  const netns = own.add()
  netns.ip('link add other type bridge')
  const turns = new Turns(eventLoopClock)
  const [add, pending] = [vi.spyOn(turns, 'add'), new Set<Work>()]
  await using platform = new LinuxPlatform(own.at(netns), undefined, turns)
  const calls: string[] = []
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const port = await platform.open({ name: 'tap0', queues: 1, features: 0, slots })
  port.onChange(({ kind }) => void (kind === 'addresses' || calls.push(kind)))
  // No time is granted until all events have arrived.
  add.mockImplementation(work => void pending.add(work))
  vi.spyOn(turns, 'addNow').mockImplementation(work => void pending.add(work))
  for (let i = 0; i < 100; i++) {
    netns.ip(`link set other mtu ${1400 + i}`)
  }
  await port.apply({ up: true })
  expect(calls).toEqual(['up'])
  vi.restoreAllMocks()
  for (const work of pending) {
    turns.add(work)
  }
  await port.apply({ mtu: 1300 })
  await expect.poll(() => calls).toEqual(['up', 'mtu'])
})

test('settling some ports does not read the others', async () => {
  using own = new OwnNetns()
  await using platform = new LinuxPlatform(own.at(own.add()))
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const open = (name: string) => platform.open({ name, queues: 1, features: 0, slots })
  const [one, other] = [await open('tap0'), await open('tap1')]
  const settled = [vi.spyOn(one, 'settled'), vi.spyOn(other, 'settled')]
  await platform.settle([one])
  expect(settled.map(each => each.mock.calls.length)).toEqual([1, 0])
  await platform.settle()
  expect(settled.map(each => each.mock.calls.length)).toEqual([2, 1])
})

test('an interface for a namespace that a descriptor of this process holds is made inside, not moved there', async () => {
  using own = new OwnNetns()
  const [home, named, held] = [own.add(), own.add(), own.add()]
  let moves = 0
  const sendAside: Native['sendAside'] = (...args) => {
    moves++
    return own.native.sendAside(...args)
  }
  await using platform = new LinuxPlatform(own.at(home, { sendAside }))
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const spec = { name: 'tap0', queues: 1, features: 0, slots }
  const inside = await platform.open({ ...spec, netns: `/proc/self/fd/${held.fd}` })
  expect(moves).toBe(0)
  const moved = await platform.open({ ...spec, netns: named.name })
  expect(moves).toBe(1)
  expect(held.ip('-br link show tap0')).toContain('tap0')
  for (const port of [moved, inside]) {
    await port.close()
  }
})

test('an interface with a name that is taken before the move leaves no descriptor', async () => {
  using own = new OwnNetns()
  const [home, far] = [own.add(), own.add()]
  own.native.unnamedNetns()
  const sendAside: Native['sendAside'] = (...args) => {
    far.ip('link add tap0 type bridge')
    return own.native.sendAside(...args)
  }
  await using platform = new LinuxPlatform(own.at(home, { sendAside }))
  const slots = new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
  const before = readdirSync('/proc/self/fd').length
  const opening = platform.open({ name: 'tap0', queues: 2, features: 0, slots, netns: far.name })
  await expect(opening).rejects.toMatchObject({ errno: EEXIST })
  expect(readdirSync('/proc/self/fd').length).toBe(before)
  expect(JSON.parse(far.ip('-j link'))).toHaveLength(2)
})

test.each([
  ['when something vetoes it', {}, /notifier .*EBUSY/],
  ['when the kernel has no room for it', { createBatch: () => -ENOMEM }, /ENOMEM/],
])('a persistent interface is removed when opening fails, %s', async (_, overrides, reason) => {
  using own = new OwnNetns()
  const home = own.add()
  const native = own.at(home, overrides)
  await using platform = new LinuxPlatform(native)
  await using clock = new TimerfdClock(native)
  const pool = new SkBuffPool({ large: 4, small: 4 })
  const net = new Net({ platform, clock, pool, log: new Log(LOGLEVEL_ERR, () => {}) })
  net.registerNetdeviceNotifier(() => -EBUSY)
  const dev = allocNetdevMqs({ name: 'tap0', setup: etherSetup, priv: undefined })
  await expect(registerNetdev(dev, net, { persist: true })).rejects.toThrow(reason)
  expect(home.ip('-br link')).not.toContain('tap0')
})
