/** A host in memory and Linux on one segment: each understands the packets of the other. */
import { readSync, writeSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { startPoller } from '#src/linux/errno.ts'
import type { Poller } from '#src/linux/native.ts'
import { type Netns, OwnNetns, outcome } from '#support/netns.ts'
import type { StackInterface } from '../../src/ip/interface.ts'
import { IpStack } from '../../src/ip/stack.ts'
import { Udp } from '../../src/udp.ts'
import { address, bound, bytes, endpoint, type Host, ping as sendPing } from '../ip-network.ts'

/** Linux has .2 and ::2, the host in memory .1 and ::1. It is a router to a network of MTU 1400. */
const COMMANDS = [
  'link set lo up',
  'link set tap0 up',
  'addr add 198.18.1.2/24 dev tap0',
  'addr add 2001:db8:1::2/64 dev tap0 nodad',
  'route add default via 198.18.1.1',
  'route add default via 2001:db8:1::1',
]
const LINUX = ['198.18.1.2', '2001:db8:1::2']

const own = new OwnNetns()
let clock: TimerfdClock
let poller: Poller
let netns: Netns
let host: Host
let dev: StackInterface

beforeAll(() => {
  netns = own.add()
  const [tap] = own.tap(netns, 'tap0') as [number]
  clock = new TimerfdClock(own.native)
  const stack = new IpStack({ clock, random: random(1) })
  host = { stack, udp: new Udp(stack) }
  stack.forwarding = true
  const transmit = (frame: Uint8Array) => void writeSync(tap, frame)
  dev = stack.addInterface({
    name: 'eth0',
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    mtu: 1500,
    transmit,
  })
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 2)
  const far = stack.addInterface({ name: 'eth1', mac, mtu: 1400, transmit() {} })
  for (const cidr of ['198.18.1.1/24', '2001:db8:1::1/64']) {
    dev.addAddress(cidr)
  }
  for (const cidr of ['198.18.2.1/24', '2001:db8:2::1/64']) {
    far.addAddress(cidr)
  }
  for (const each of ['198.18.2.2', '2001:db8:2::2']) {
    far.setNeighbour(address(each), mac)
  }
  const frame = new Uint8Array(2000)
  poller = startPoller(own.native, tap, () => {
    const length = readSync(tap, frame)
    dev.receive(frame, 0, length)
  })
  netns.ip(...COMMANDS)
})

afterAll(async () => {
  poller?.close()
  host?.stack.close()
  await clock?.[Symbol.asyncDispose]()
  own.remove()
})

const ping = (to: string, ...options: string[]) =>
  outcome(netns.spawn(['ping', '-n', '-c1', '-W20', ...options, to]))

test.each([
  ['198.18.1.1', 56],
  ['2001:db8:1::1', 56],
  ['198.18.2.1', 56],
  ['198.18.1.1', 5000],
  ['2001:db8:1::1', 5000],
])('Linux pings %s with %i bytes', async (to, size) => {
  const { status, stdout } = await ping(to, '-s', String(size))
  expect(stdout).toContain('1 received')
  expect(status).toBe(0)
})

test.each(LINUX)('the host in memory pings Linux at %s, also with fragments', async to => {
  for (const [seq, size] of [8, 5000].entries()) {
    const payload = await new Promise<Uint8Array>(resolve => {
      sendPing(host.stack, address(to), { payload: bytes(size), seq }, reply =>
        resolve(reply.payload),
      )
    })
    expect(payload).toEqual(bytes(size))
  }
})

test.each([
  ['198.18.2.2', 'Time to live exceeded', ['-t1']],
  ['2001:db8:2::2', 'Time exceeded: Hop limit', ['-t1']],
  ['203.0.113.1', 'Destination Net Unreachable', []],
  ['2001:db8:9::1', 'Destination unreachable: No route', []],
  ['198.18.2.9', 'Destination Host Unreachable', []],
  ['2001:db8:2::9', 'Destination unreachable: Address unreachable', []],
])('Linux understands the error about a ping to %s: %s', async (to, error, options) => {
  const { stdout } = await ping(to, ...options)
  expect(stdout).toContain(error)
})

test.each([
  ['198.18.2.2', 'mtu = 1400'],
  ['2001:db8:2::2', 'mtu=1400'],
])('Linux learns the MTU of the path to %s', async (to, error) => {
  const { stdout } = await ping(to, '-Mdo', '-s1420')
  expect(stdout).toContain(error)
  expect(netns.ip(`route get ${to}`)).toContain('mtu 1400')
})

test.each(['198.18.1.1', '2001:db8:1::1'])(
  'Linux and the host at %s refuse datagrams for closed ports',
  async to => {
    const { stderr } = await outcome(
      netns.spawn(['bash', '-c', `exec 3<>/dev/udp/${to}/9 && echo a >&3 && read -t20 -u3 line`]),
    )
    expect(stderr).toContain('Connection refused')
    const errors: number[] = []
    await new Promise<void>(resolve => {
      const onError = (errno: number) => {
        errors.push(errno)
        resolve()
      }
      const family = to.includes(':') ? 6 : 4
      const socket = host.udp.bind(
        { address: undefined, family, port: 0 },
        { onMessage: () => {}, onError },
      )
      socket.connect(endpoint(family === 4 ? '198.18.1.2' : '2001:db8:1::2', 9))
      socket.send(bytes(3000))
    })
    expect(errors).toEqual([111])
  },
)

test.each(['198.18.1.1', '2001:db8:1::1'])('a datagram of Linux to %s arrives', async to => {
  const { socket, messages } = bound(host, 6, 53)
  await outcome(netns.spawn(['bash', '-c', `echo hello > /dev/udp/${to}/53`]))
  await expect.poll(() => messages.map(([data]) => data)).toEqual(['hello\n'])
  socket.close()
})
