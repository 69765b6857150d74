/** Changes of the interfaces from outside: the running program logs, follows and survives them. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { LOGLEVEL_INFO, Log } from '#src/base/log.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { LinuxPlatform } from '#src/linux/platform.ts'
import { SO_RCVBUFFORCE } from '#src/linux/uapi.ts'
import { defaultParams } from '#src/netdev/driver.ts'
import { Net } from '#src/netdev/net.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { registerNetdev } from '#src/netdev/register.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { runMain } from '#support/run-main.ts'
import { jsonLines, type Running, startVnet } from '#support/vnet-process.ts'

const { own, netns } = freshNamespaces('netns')

const start = (...args: string[]) => startVnet([...args, '--netns', netns.name])
const links = (at = netns) =>
  JSON.parse(at.ip('-j link')).map((link: { ifname: string }) => link.ifname)
const log = (vnet: Running) => vnet.stderr.trimEnd().split('\n')

/**
 * Pings until a reply comes: a frame is lost if the driver has not seen yet that the link is up.
 */
async function ping(address: string, at = netns): Promise<void> {
  expect(await at.run(`ping -c 1 -w 30 -i 0.1 ${address}`)).toMatchObject({ status: 0 })
}

describe('deleted from outside', () => {
  test('the deletion of one interface of two is logged, and the other continues', async () => {
    const vnet = await start('snull')
    netns.ip('link del sn0')
    await vnet.line(/^sn0: device closed$/)
    // The kernel decides which of the two is deleted first.
    await vnet.line(/^sn0: interface was deleted from outside$/)
    expect(log(vnet)).toHaveLength(4)
    netns.ip('link set sn1 down')
    await vnet.line(/^sn1: device closed$/)
    const { status, stdout } = await vnet.stop()
    expect(status).toBe(0)
    // Its counters are in the table nevertheless.
    expect(stdout).toMatch(/^sn0 tx .*\n(.*\n)*sn1 tx /m)
  })

  test('the deletion of the last interface ends the program with exit status 1', async () => {
    const vnet = await start('snull')
    netns.ip('link del sn1', 'link del sn0')
    const { status, stderr, stdout } = await vnet.ended
    expect(status).toBe(1)
    expect(stderr).toMatch(/vnet: the last interface was deleted, exiting\n$/)
    expect(stdout).toMatch(/^sn1 rx /m)
  })

  test('the deletion of its namespace deletes the interface', async () => {
    const vnet = await start()
    netns.release()
    netns.exec(`ip netns del ${netns.name}`)
    const { status, stderr } = await vnet.ended
    expect(status).toBe(1)
    expect(stderr).toContain('vnet0: interface was deleted from outside\n')
  })

  test('the deletion of its namespace deletes an interface that was attached to there', async () => {
    await (await start('--persist', '--name', 'tap0')).stop()
    const vnet = await start('--name', 'tap0')
    netns.release()
    netns.exec(`ip netns del ${netns.name}`)
    const { status, stderr } = await vnet.ended
    expect(status).toBe(1)
    expect(stderr).toContain('tap0: interface was deleted from outside\n')
  })

  test('the deletion of the namespace it was moved to deletes the interface', async () => {
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
  test('a rename is logged, and the device has the new name from then on', async () => {
    const vnet = await start()
    netns.ip('link set vnet0 down', 'link set vnet0 name other0', 'link set other0 up')
    await vnet.line(/^other0: device opened$/)
    expect(log(vnet).slice(1)).toEqual([
      'vnet0: device closed',
      'vnet0: renamed to other0',
      'other0: device opened',
    ])
    await ping('198.18.0.2')
    const { stdout } = await vnet.stop()
    expect(stdout).toMatch(/^other0 tx /m)
    expect(links()).toEqual(['lo'])
  })
})

describe('moved to another namespace', () => {
  test('an interface moved to another namespace works there, is controlled there, and is deleted at the end', async () => {
    const other = own.add()
    const vnet = await start('cable', 'near', 'far', '--address', 'near=192.0.2.2/24', '-v')
    netns.ip(`link set far netns ${other.name}`)
    // The index may remain the same; the state is down, like after every move.
    await vnet.line(/^far: moved to another network namespace, there far$/)
    other.ip('addr add 192.0.2.1/24 dev far', 'link set far mtu 1400 up')
    await vnet.line(/^far: mtu 1400$/)
    await ping('192.0.2.2', other)
    // The driver turns its carrier off in the new namespace.
    netns.ip('link set near down')
    await vnet.line(/^near: device closed$/)
    expect(other.exec('cat /sys/class/net/far/carrier')).toBe('0\n')
    expect((await vnet.stop()).status).toBe(0)
    expect([links(), links(other)]).toEqual([['lo'], ['lo']])
  })

  test('an interface that moves is listed, shown and found under its new namespace', async () => {
    const other = own.add()
    const vnet = await start('--name', 'wanderer')
    netns.ip(`link set wanderer netns ${other.name}`)
    await vnet.line(/^wanderer: moved /)
    const listed = async () => {
      const { interfaces } = JSON.parse((await runMain('list', '--json')).stdout)
      return interfaces.find(
        ({ name, pid }: { name: string; pid: number }) => name === 'wanderer' && pid === vnet.pid,
      )
    }
    expect(await listed()).toMatchObject({ netns: other.name })
    expect(await runMain('show', `${other.name}/wanderer`)).toMatchObject({ status: 0 })
    expect((await runMain('show', `${netns.name}/wanderer`)).status).toBe(1)
    const { stdout } = await vnet.stop()
    expect(stdout).toMatch(/^wanderer tx /m)
  })

  test('an interface that is renamed while it moves there and back is followed', async () => {
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
  /** Changes the state many times in one `ip` process. */
  async function flap(name: string, states: readonly string[]): Promise<void> {
    const ip = netns.spawn('ip -batch -')
    ip.stdin.end(states.map(state => `link set ${name} ${state}\n`).join(''))
    await new Promise(resolve => ip.on('close', resolve))
  }

  /** Returns 'opened' and 'closed' in the order of the driver's log. */
  const told = (lines: readonly string[], name: string) =>
    lines.flatMap(line =>
      line.startsWith(`${name}: device `) ? [line.slice(name.length + 9)] : [],
    )

  const alternates = (words: readonly string[]) => words.every((word, i) => word !== words[i - 1])

  test('during a flood of changes open and stop strictly alternate, and the last state is the true one', async () => {
    const began = performance.now()
    const vnet = await start('-v')
    await flap(
      'vnet0',
      Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 'down' : 'up')),
    )
    netns.ip('link set vnet0 mtu 1234')
    await vnet.line(/^vnet0: mtu 1234$/)
    const words = told(log(vnet), 'vnet0')
    // The log has 100 lines of each kind in 10 seconds: of the first 200 it leaves out none.
    expect(alternates(words.slice(0, 200))).toBe(true)
    expect(words.length).toBeLessThanOrEqual(200 * (1 + (performance.now() - began) / 10_000))
    await ping('198.18.0.2')
    await vnet.stop()
  })

  test('lost events make the program read the state again', async () => {
    // The default buffer of a socket holds about a hundred events.
    const { setsockopt } = own.native
    const native = own.at(netns, {
      setsockopt: (fd, level, name, value) =>
        name === SO_RCVBUFFORCE ? 0 : setsockopt(fd, level, name, value),
    })
    const lines: string[] = []
    await using platform = new LinuxPlatform(native)
    await using clock = new TimerfdClock(native)
    const net = new Net({
      platform,
      clock,
      log: new Log(LOGLEVEL_INFO, (_, text) => lines.push(text)),
    })
    const [{ dev }] = loop.init(defaultParams(loop.params), {
      args: [],
      net,
      names: [],
      txqs: 4,
      rxqs: 2,
    })
    await using _registered = await registerNetdev(dev as NetDevice, net)
    // No event is read while the event loop is blocked.
    const states = Array.from({ length: 1001 }, (_, i) => (i % 2 === 0 ? 'up' : 'down'))
    const input = [...states, 'mtu 1300'].map(state => `link set vnet0 ${state}\n`).join('')
    execFileSync('ip', ['-n', netns.name, '-batch', '-'], { input })
    while (dev.mtu !== 1300) {
      await new Promise(resolve => net.registerNetdeviceNotifier(() => resolve(undefined)))
    }
    const words = told(lines, 'vnet0')
    expect(alternates(words)).toBe(true)
    expect(words.length).toBeLessThan(1001)
    expect(words.at(-1)).toBe('opened')
  })
})

test('interfaces that are made and deleted leave no descriptor, however they end', async () => {
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
    // The second interface cannot be made after the first has been.
    netns.ip('link add sn1 type bridge')
    expect((await runMain('snull', '--netns', netns.name)).status).toBe(1)
    netns.ip('link del sn1')
    expect(links()).toEqual(['lo'])
  }
  // Descriptors that Node opens once, for watching files for example, remain open.
  await round()
  const before = descriptors()
  for (let i = 0; i < 3; i++) {
    await round()
  }
  expect(descriptors()).toBe(before)
})

test('--json prints one object a line on stdout, changes and end included', async () => {
  const vnet = await start('snull', '--json', '-vv')
  expect(vnet.interfaces()).toMatchObject([
    { name: 'sn0', netns: netns.name, mac: '00:53:4e:55:4c:30' },
    { name: 'sn1', netns: netns.name, mac: '00:53:4e:55:4c:31' },
  ])
  for (const { name, ifindex } of vnet.interfaces()) {
    expect(JSON.parse(netns.ip(`-j link show ${name}`))[0].ifindex).toBe(ifindex)
  }
  await ping('198.18.0.2')
  netns.ip('link set sn0 address 02:00:00:00:00:99', 'link set sn0 promisc on', 'link set sn0 down')
  await vnet.line(/sn0: device closed/)
  const { stdout, stderr } = await vnet.stop()
  expect(stderr).toBe('')
  const events = jsonLines(stdout)
  const messages = events
    .filter(({ event }) => event === 'log')
    .map(({ level, message }) => `${level} ${message}`)
  expect(messages).toContain('info sn0: device opened')
  expect(messages).toContain('debug sn0: address 02:00:00:00:00:99')
  expect(messages).toContainEqual(expect.stringMatching(/^debug sn0: flags 0x/))
  // Every frame that the kernel sends, as tcpdump shows it.
  expect(messages).toContainEqual(
    expect.stringMatching(/^info sn0: tx-0 IP 198.18.0.1 > 198.18.0.2: ICMP echo request/),
  )
  expect(events.at(-2)).toMatchObject({
    event: 'statistics',
    interfaces: [{ name: 'sn0' }, { name: 'sn1' }],
  })
  expect(messages.at(-1)).toBe('debug snull: module unloaded')
})

test('--quiet prints ready and nothing else', async () => {
  const vnet = await start('-q')
  netns.ip('link set vnet0 down', 'link set vnet0 up')
  await ping('198.18.0.2')
  expect(await vnet.stop()).toEqual({ status: 0, stdout: 'ready\n', stderr: '' })
})
