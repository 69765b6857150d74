/** What is done to the interfaces from outside while the program runs: said, followed, and survived. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultParams } from '../../src/core/driver.ts'
import { LOGLEVEL_INFO, Log } from '../../src/core/log.ts'
import { Net } from '../../src/core/net.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import { registerNetdev } from '../../src/core/register.ts'
import { driver as loop } from '../../src/drivers/loop.ts'
import { TimerfdClock } from '../../src/kernel/clock.ts'
import { LinuxHost } from '../../src/kernel/host.ts'
import { SO_RCVBUFFORCE } from '../../src/kernel/uapi.ts'
import { type Netns, OwnNetns } from '../support/netns.ts'
import { runMain } from '../support/run-main.ts'
import { jsonLines, type Running, startVnet } from '../support/vnet-process.ts'

let own: OwnNetns
let netns: Netns

beforeEach(() => {
  own = new OwnNetns()
  netns = own.add()
})
afterEach(() => own.remove())

const start = (...args: string[]) => startVnet([...args, '--netns', netns.name])
const links = (at = netns) => JSON.parse(at.ip('-j link')).map((link: { ifname: string }) => link.ifname)
const log = (vnet: Running) => vnet.stderr.trimEnd().split('\n')

/** Until an answer comes: a frame of the host's is lost when the driver has not heard yet that the link is up again. */
async function ping(address: string, at = netns): Promise<void> {
  expect((await at.run(`ping -c 1 -w 5 -i 0.1 ${address}`)).stdout).toContain(' 1 received')
}

describe('deleted from outside', () => {
  test('an interface of two is said to be, and the other goes on', async () => {
    const vnet = await start('snull')
    netns.ip('link del sn0')
    await vnet.line(/^sn0: device closed$/)
    // Which of the two is heard of first is the kernel's choice.
    await vnet.line(/^sn0: interface was deleted from outside$/)
    expect(log(vnet)).toHaveLength(4)
    netns.ip('link set sn1 down')
    await vnet.line(/^sn1: device closed$/)
    const { status, stdout } = await vnet.stop()
    expect(status).toBe(0)
    // Its counters are in the table all the same.
    expect(stdout).toMatch(/^sn0 tx .*\n(.*\n)*sn1 tx /m)
  })

  test('when none is left the program ends with status 1', async () => {
    const vnet = await start('snull')
    netns.ip('link del sn1')
    netns.ip('link del sn0')
    const { status, stderr, stdout } = await vnet.ended
    expect(status).toBe(1)
    expect(stderr).toMatch(/vnet: no interface is left\n$/)
    expect(stdout).toMatch(/^sn1 rx /m)
  })

  test('with its namespace', async () => {
    const vnet = await start()
    netns.release()
    netns.exec(`ip netns del ${netns.name}`)
    const { status, stderr } = await vnet.ended
    expect(status).toBe(1)
    expect(stderr).toContain('vnet0: interface was deleted from outside\n')
  })

  test('with its namespace, in which it was attached to again', async () => {
    await (await start('--persist', '--name', 'tap0')).stop()
    const vnet = await start('--name', 'tap0')
    netns.release()
    netns.exec(`ip netns del ${netns.name}`)
    const { status, stderr } = await vnet.ended
    expect(status).toBe(1)
    expect(stderr).toContain('tap0: interface was deleted from outside\n')
  })

  test('with the namespace it was moved to', async () => {
    const other = own.add()
    const vnet = await start()
    netns.ip(`link set vnet0 netns ${other.name}`)
    await vnet.line(/^vnet0: moved /)
    other.release()
    other.exec(`ip netns del ${other.name}`)
    expect((await vnet.ended).stderr).toContain('vnet0: interface was deleted from outside\n')
  })
})

describe('renamed', () => {
  test('is said, and from then on it has the new name', async () => {
    const vnet = await start()
    netns.ip('link set vnet0 down')
    netns.ip('link set vnet0 name other0')
    netns.ip('link set other0 up')
    await vnet.line(/^other0: device opened$/)
    expect(log(vnet).slice(1)).toEqual(['vnet0: device closed', 'vnet0: renamed to other0', 'other0: device opened'])
    await ping('198.18.0.2')
    const { stdout } = await vnet.stop()
    expect(stdout).toMatch(/^other0 tx /m)
    expect(links()).toEqual(['lo'])
  })
})

describe('moved to another namespace', () => {
  test('is said, goes on working there, is still controlled, and goes away at the end', async () => {
    const other = own.add()
    const vnet = await start('cable', 'near', 'far', '--address', 'near=192.0.2.2/24', '-v')
    netns.ip(`link set far netns ${other.name}`)
    // The index can be the same there; the state is down, as after every move.
    await vnet.line(/^far: moved to another network namespace, there far$/)
    other.ip('addr add 192.0.2.1/24 dev far')
    other.ip('link set far mtu 1400 up')
    await vnet.line(/^far: mtu 1400$/)
    await ping('192.0.2.2', other)
    // The driver takes its carrier away, there.
    netns.ip('link set near down')
    await vnet.line(/^near: device closed$/)
    expect(other.exec('cat /sys/class/net/far/carrier')).toBe('0\n')
    expect((await vnet.stop()).status).toBe(0)
    expect([links(), links(other)]).toEqual([['lo'], ['lo']])
  })

  test('and renamed on the way there and back', async () => {
    const other = own.add()
    const vnet = await start()
    netns.ip(`link set vnet0 netns ${other.name} name away0`)
    await vnet.line(/^vnet0: moved to another network namespace, there away0$/)
    other.ip(`link set away0 netns ${netns.name} name home0`)
    await vnet.line(/^away0: moved to another network namespace, there home0$/)
    netns.ip('link set home0 up')
    await vnet.line(/^home0: device opened$/)
    await vnet.stop()
    expect([links(), links(other)]).toEqual([['lo'], ['lo']])
  })
})

describe('a flood of changes', () => {
  /** Changes of state by one `ip` process. */
  async function flap(name: string, states: readonly string[]): Promise<void> {
    const ip = netns.spawn('ip -batch -')
    ip.stdin.end(states.map(state => `link set ${name} ${state}\n`).join(''))
    await new Promise(resolve => ip.on('close', resolve))
  }

  /** 'opened' and 'closed' in the order in which the driver was told. */
  const told = (lines: readonly string[], name: string) =>
    lines.flatMap(line => (line.startsWith(`${name}: device `) ? [line.slice(name.length + 9)] : []))

  const alternates = (words: readonly string[]) => words.every((word, i) => word !== words[i - 1])

  test('open and stop strictly alternate, and the last state is the true one', async () => {
    const vnet = await start('-v')
    await flap(
      'vnet0',
      Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 'down' : 'up')),
    )
    netns.ip('link set vnet0 mtu 1234')
    await vnet.line(/^vnet0: mtu 1234$/)
    const words = told(log(vnet), 'vnet0')
    expect(alternates(words)).toBe(true)
    // 32 MiB of events are as many as there were.
    expect(words).toHaveLength(1001)
    expect(words.at(-1)).toBe('opened')
    await ping('198.18.0.2')
    await vnet.stop()
  })

  test('when events are lost the state is read anew', async () => {
    // With the buffer that a socket has by default there is room for about a hundred.
    const { setsockopt } = own.native
    const native = own.at(netns, {
      setsockopt: (fd, level, name, value) => (name === SO_RCVBUFFORCE ? 0 : setsockopt(fd, level, name, value)),
    })
    const lines: string[] = []
    await using host = new LinuxHost(native)
    await using clock = new TimerfdClock(native)
    const net = new Net({ host, clock, log: new Log(LOGLEVEL_INFO, (_, text) => lines.push(text)) })
    const [{ dev }] = loop.init(defaultParams(loop.params), { args: [], net, names: [], txqs: 4, rxqs: 2 })
    await using _registered = await registerNetdev(dev as NetDevice, net)
    // Nobody reads while the loop of events is kept waiting.
    const states = Array.from({ length: 1001 }, (_, i) => (i % 2 === 0 ? 'up' : 'down'))
    const input = [...states, 'mtu 1300'].map(state => `link set vnet0 ${state}\n`).join('')
    execFileSync('ip', ['-n', netns.name, '-batch', '-'], { input })
    while (dev.mtu !== 1300) await new Promise(resolve => net.registerNetdeviceNotifier(() => resolve(undefined)))
    const words = told(lines, 'vnet0')
    expect(alternates(words)).toBe(true)
    expect(words.length).toBeLessThan(1001)
    expect(words.at(-1)).toBe('opened')
  })
})

test('no descriptor is left by interfaces that come and go, whatever their end', async () => {
  const descriptors = () => readdirSync('/proc/self/fd').length
  async function round(): Promise<void> {
    await (await start('snull')).stop()
    await (await start('--persist', '--name', 'tap0')).stop()
    const attached = await start('--name', 'tap0')
    netns.ip('link del tap0')
    await attached.ended
    const other = own.add()
    const moved = await start()
    netns.ip(`link set vnet0 netns ${other.name}`)
    await moved.line(/ moved /)
    await moved.stop()
    other.release()
    // The second one cannot be had, after the first was there.
    netns.ip('link add sn1 type bridge')
    expect((await runMain('snull', '--netns', netns.name)).status).toBe(1)
    netns.ip('link del sn1')
    expect(links()).toEqual(['lo'])
  }
  // What Node opens once, for watching files say, is open from then on.
  await round()
  const before = descriptors()
  for (let i = 0; i < 3; i++) await round()
  expect(descriptors()).toBe(before)
})

test('with --json every line on stdout is an object, changes and end included', async () => {
  const vnet = await start('snull', '--json', '-vv')
  expect(vnet.interfaces()).toMatchObject([
    { name: 'sn0', netns: netns.name, mac: '00:53:4e:55:4c:30' },
    { name: 'sn1', netns: netns.name, mac: '00:53:4e:55:4c:31' },
  ])
  for (const { name, ifindex } of vnet.interfaces()) {
    expect(JSON.parse(netns.ip(`-j link show ${name}`))[0].ifindex).toBe(ifindex)
  }
  await ping('198.18.0.2')
  netns.ip('link set sn0 address 02:00:00:00:00:99')
  netns.ip('link set sn0 promisc on')
  netns.ip('link set sn0 down')
  await vnet.line(/sn0: device closed/)
  const { stdout, stderr } = await vnet.stop()
  expect(stderr).toBe('')
  const events = jsonLines(stdout)
  const messages = events.filter(({ event }) => event === 'log').map(({ level, message }) => `${level} ${message}`)
  expect(messages).toContain('info sn0: device opened')
  expect(messages).toContain('debug sn0: address 02:00:00:00:00:99')
  expect(messages).toContainEqual(expect.stringMatching(/^debug sn0: flags 0x/))
  // Every frame that the host sends, as tcpdump would have it.
  expect(messages).toContainEqual(
    expect.stringMatching(/^info sn0: tx-0 IP 198.18.0.1 > 198.18.0.2: ICMP echo request/),
  )
  expect(events.at(-2)).toMatchObject({ event: 'statistics', interfaces: [{ name: 'sn0' }, { name: 'sn1' }] })
  expect(messages.at(-1)).toBe('debug snull: module unloaded')
})

test('quiet says ready and nothing else', async () => {
  const vnet = await start('-q')
  netns.ip('link set vnet0 down')
  netns.ip('link set vnet0 up')
  await ping('198.18.0.2')
  expect(await vnet.stop()).toEqual({ status: 0, stdout: 'ready\n', stderr: '' })
})
