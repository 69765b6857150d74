/** The multicast groups that the kernel wants frames for, however they are joined. */
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test, vi } from 'vitest'
import { parseMulticastList } from '#src/linux/links/state.ts'
import type { Netns } from '#support/netns.ts'
import { TapPorts, Told, withoutGroupEvents } from '#support/tap-ports.ts'

interface Multicast {
  readonly multicast: readonly Uint8Array[]
}

const texts = ({ multicast }: Multicast) =>
  multicast.map(octets => Buffer.from(octets).toString('hex')).sort()
const includes =
  (...wanted: string[]) =>
  (change: Multicast) =>
    wanted.every(address => texts(change).includes(address))
const lacks =
  (...unwanted: string[]) =>
  (change: Multicast) =>
    !unwanted.some(address => texts(change).includes(address))

/** Every interface is in the all-nodes group of IPv6, and while up in the group of IPv4. */
const NODES6 = '333300000001'
const NODES4 = '01005e000001'
const GROUP = '01005e010203'
const MADDR = '01:00:5e:01:02:03 dev tap0'

const places: [string, (taps: TapPorts) => Netns][] = [
  ['at home', taps => taps.home],
  ['in another namespace', taps => taps.own.add()],
]

/** The timer is advanced by the test. */
function stopTimer(): void {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
}

afterEach(() => void vi.useRealTimers())

test('the multicast list is known when the port opens', async () => {
  const taps = new TapPorts()
  expect(texts((await taps.open({ multicastList: true })).link)).toEqual([NODES6])
})

test.each(places)(
  'groups that `ip maddr` adds and deletes are reported without an event, %s',
  async (_, place) => {
    const taps = new TapPorts(withoutGroupEvents)
    const netns = place(taps)
    const port = await taps.open({ netns: netns.name, multicastList: true })
    const told = new Told(port)
    netns.ip(`maddr add ${MADDR}`)
    expect(texts(await told.until('multicast'))).toEqual([GROUP, NODES6])
    expect(texts(port.link)).toEqual([GROUP, NODES6])
    netns.ip(`maddr del ${MADDR}`)
    expect(texts(await told.until('multicast', lacks(GROUP)))).toEqual([NODES6])
    expect(told.kinds).toEqual(['multicast', 'multicast'])
  },
)

test.each(places)(
  'groups that a program joins and leaves are reported immediately by events, %s',
  async (_, place) => {
    stopTimer()
    const taps = new TapPorts()
    const netns = place(taps)
    const port = await taps.open({ netns: netns.name, multicastList: true })
    await port.apply({ addresses: ['198.18.0.1/24', '2001:db8::1/64'], up: true })
    const told = new Told(port)
    const script = `
import socket, struct, sys
s4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s4.setsockopt(0, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("233.252.0.77") + socket.inet_aton("198.18.0.1"))
s6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
group = socket.inet_pton(socket.AF_INET6, "ff02::db8:77")
s6.setsockopt(41, socket.IPV6_JOIN_GROUP, group + struct.pack("i", ${port.link.ifindex}))
sys.stdin.read()`
    const program = netns.spawn(['python3', '-c', script])
    const joined = ['01005e7c004d', '33330db80077']
    await told.until('multicast', includes(...joined))
    program.stdin.end()
    const since = told.changes.length
    await told.until(
      'multicast',
      change => told.changes.indexOf(change) >= since && lacks(...joined)(change),
    )
  },
)

test('on a kernel without those events, the list is read at link events', async () => {
  stopTimer()
  const taps = new TapPorts(withoutGroupEvents)
  const port = await taps.open({ multicastList: true })
  // Too small for IPv6, whose event would cause the reading.
  await port.apply({ mtu: 1000 })
  const told = new Told(port)
  await port.apply({ up: true })
  expect(texts(await told.until('multicast'))).toContain(NODES4)
})

test('an unchanged multicast list is not reported', async () => {
  stopTimer()
  let read = 0
  let onRead = () => {}
  const taps = new TapPorts()
  const port = await taps.open({ multicastList: true })
  const told = new Told(port)
  const reportLists = port.reportLists.bind(port)
  port.reportLists = () => {
    read++
    onRead()
    return reportLists()
  }
  const descriptors = readdirSync('/proc/self/fd').length
  for (let ticks = 1; ticks <= 10; ticks++) {
    vi.advanceTimersByTime(500)
    while (read < ticks) {
      await new Promise<void>(resolve => {
        onRead = resolve
      })
    }
  }
  expect([read, told.kinds]).toEqual([10, []])
  expect(readdirSync('/proc/self/fd').length).toBe(descriptors)
})

test('the multicast list is empty unless requested, and a timer runs only while it is', async () => {
  stopTimer()
  const taps = new TapPorts()
  const port = await taps.open()
  const told = new Told(port)
  taps.home.ip(`maddr add ${MADDR}`)
  await port.apply({ up: true })
  expect([port.refresh().multicast, told.kinds.includes('multicast'), vi.getTimerCount()]).toEqual([
    [],
    false,
    0,
  ])
  const one = await taps.open({ name: 'tap1', multicastList: true })
  const other = await taps.open({ name: 'tap2', multicastList: true })
  expect(vi.getTimerCount()).toBe(1)
  await one.close()
  expect(vi.getTimerCount()).toBe(1)
  await other.close()
  expect(vi.getTimerCount()).toBe(0)
})

test('after a move the multicast list is read in the new namespace', async () => {
  const taps = new TapPorts()
  const far = taps.own.add()
  const port = await taps.open({ multicastList: true })
  far.ip(`link add taken index ${port.link.ifindex} type bridge`)
  const told = new Told(port)
  taps.home.ip(`link set tap0 netns ${far.name}`)
  await told.until('moved')
  far.ip(`maddr add ${MADDR}`)
  await told.until('multicast', includes(GROUP))
})

test('reading the multicast list keeps no namespace alive', async () => {
  const taps = new TapPorts()
  const far = taps.own.add()
  const port = await taps.open({ netns: far.name, multicastList: true })
  const told = new Told(port)
  far.ip(`maddr add ${MADDR}`)
  await told.until('multicast', includes(GROUP))
  far.release()
  far.remove()
  await told.until('gone')
})

test('a worker reads the list of the given namespace, and then of its own', async () => {
  const taps = new TapPorts()
  const far = taps.own.add()
  for (const [netns, group] of [
    [taps.home, '01:00:5e:00:00:11'],
    [far, '01:00:5e:00:00:22'],
  ] as const) {
    netns.ip('tuntap add mode tap name tap0', `maddr add ${group} dev tap0`)
  }
  const [{ ifindex }] = JSON.parse(far.ip('-j link show tap0'))
  const [home, there] = [taps.home, far].map(({ name }) => `/run/netns/${name}`)
  const worker = new Worker(new URL('../support/multicast-worker.mjs', import.meta.url), {
    workerData: { home, far: there, ifindex },
  })
  const [lists] = await once(worker, 'message')
  await worker.terminate()
  const groups = (last: string) => [NODES6, `01005e0000${last}`]
  expect(lists).toEqual([groups('11'), groups('22'), groups('11')])
})

test('a line is parsed whatever the name of the interface', () => {
  const text = [
    '1    lo              1     0     333300000001',
    '12   12 7 0 0123456789ab 1     0     01005e000001',
    '12   é%d             2     1     33330000fb01',
    '2    x               1     0     0102',
    'nonsense',
    '',
  ].join('\n')
  const list = (ifindex: number) => texts({ multicast: parseMulticastList(text, ifindex) })
  expect([list(12), list(1), list(2)]).toEqual([['01005e000001', '33330000fb01'], [NODES6], []])
})
