/** `vnet attach --container` with containers of dockerd: what each impairment does to them. */
import { spawn } from 'node:child_process'
import { beforeEach, describe, expect, test } from 'vitest'
import type { StageReport } from '#src/netdev/device-wire.ts'
import { outcome } from '#support/netns.ts'
import { runMain } from '#support/run-main.ts'
import { lines, pingWithoutLoss } from '#support/traffic.ts'
import { expectStagesConserved, type Running, startVnet } from '#support/vnet-process.ts'
import { BRIDGE, counted, type DockerContainer, freshDockerd } from './dockerd.ts'

const dockerd = freshDockerd()
let web: DockerContainer

/** Without ARP the test itself sends every packet on the wire. */
beforeEach(async () => {
  web = await dockerd.run('web')
  const [bridge] = JSON.parse(dockerd.netns.ip('-j link show docker0')) as [{ address: string }]
  dockerd.netns.ip(`neigh replace ${web.address} lladdr ${web.mac} nud permanent dev docker0`)
  await inside(`ip neigh replace ${BRIDGE} lladdr ${bridge.address} nud permanent dev eth0`)
})

/** Runs a command of the host in the container's network. */
const inside = (command: string) =>
  outcome(
    spawn('nsenter', [`--net=/proc/${web.pid}/ns/net`, ...command.split(' ')], { stdio: 'pipe' }),
  )

const attach = (...args: string[]): Promise<Running> =>
  startVnet([
    'attach',
    '--netns',
    dockerd.netns.name,
    '--container',
    'web',
    '--seed',
    '7',
    '--json',
    ...args,
  ])

/** Pings the container `count` times, and waits until the wire has received all requests. */
async function ping(vnet: Running, count: number, options = ''): Promise<StageReport> {
  await dockerd.netns.run(`ping -q -i 0.002 -W 0.1 -c ${count}${options} ${web.address}`)
  await expect.poll(async () => (await stage(vnet)).in).toBe(count)
  await expect.poll(async () => (await stage(vnet)).held).toBe(0)
  return stage(vnet)
}

/** Returns the counters of the first stage toward the container. */
async function stage(vnet: Running): Promise<StageReport> {
  const { stdout } = await runMain('wire', nameOf(vnet), '--json')
  return JSON.parse(stdout.split('\n')[0] as string)
}

/** Ends it, and returns what its stages counted. */
async function stop(vnet: Running): Promise<readonly StageReport[]> {
  const ended = await vnet.stop()
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  return expectStagesConserved(ended)
}

const nameOf = (vnet: Running) => `${dockerd.netns.name}/${vnet.interfaces()[0]?.name}`

/** Pings until the numbers of the replies satisfy `enough`, and returns them. */
async function sequence(enough: (seqs: readonly number[]) => boolean): Promise<number[]> {
  const child = dockerd.netns.spawn(`ping -n -i 0.005 ${web.address}`)
  const output = lines(child)
  const seqs: number[] = []
  while (!enough(seqs)) {
    seqs.push(Number(/icmp_seq=(\d+)/.exec(await output.until(/icmp_seq=/))?.[1]))
  }
  child.kill('SIGKILL')
  return seqs
}

describe('what a container receives', () => {
  test('delay delays what a container receives', async () => {
    const vnet = await attach('--wire-in', 'delay 20ms')
    const { shortest } = await pingWithoutLoss(dockerd.netns, `-c 10 -i 0.01 ${web.address}`)
    expect(shortest).toBeGreaterThanOrEqual(20)
    await stop(vnet)
  })

  test('loss loses as many packets as the wire counts', async () => {
    const vnet = await attach('--wire-in', 'loss 30%')
    const { out, dropped } = await ping(vnet, 100)
    expect(dropped).toBeGreaterThan(0)
    expect([out + dropped, counted(web, 'Icmp.InEchos')]).toEqual([100, out])
    await stop(vnet)
  })

  test('rate lets packets leave at that rate', async () => {
    const vnet = await attach('--wire-in', 'rate 100kbit')
    // Each frame of 1,014 bytes takes 81 ms.
    const { longest } = await pingWithoutLoss(dockerd.netns, `-c 5 -i 0.002 -s 972 ${web.address}`)
    expect(longest).toBeGreaterThan(4 * 81)
    await stop(vnet)
  })

  test('the network stack of a container discards what corrupt changed', async () => {
    const vnet = await attach('--wire-in', 'corrupt 100%')
    expect(await ping(vnet, 20)).toMatchObject({ out: 20, corrupted: 20 })
    await expect
      .poll(() => counted(web, 'Icmp.InCsumErrors') + counted(web, 'Ip.InHdrErrors'))
      .toBe(20)
    expect(counted(web, 'Icmp.OutEchoReps')).toBe(0)
    await stop(vnet)
  })

  test('duplicate delivers each packet twice', async () => {
    const vnet = await attach('--wire-in', 'duplicate 100%')
    expect(await ping(vnet, 20)).toMatchObject({ out: 40, duplicated: 20 })
    await expect.poll(() => counted(web, 'Icmp.InEchos')).toBe(40)
    await stop(vnet)
  })

  test('reorder lets packets overtake delayed ones', async () => {
    const vnet = await attach('--wire-in', 'delay 30ms reorder 100% gap 5')
    // A ping that pauses for 30 ms sends a packet that has none to overtake.
    const seqs = await sequence(seqs => seqs.some((seq, i) => seq < (seqs[i - 1] ?? 0)))
    expect(seqs).not.toEqual(seqs.toSorted((a, b) => a - b))
    await stop(vnet)
  })

  test('partition lets nothing reach a container', async () => {
    const vnet = await attach('--wire-in', 'partition')
    expect(await ping(vnet, 10)).toMatchObject({ out: 0, dropped: 10 })
    expect(counted(web, 'Icmp.InEchos')).toBe(0)
    await stop(vnet)
  })

  test('a fault drops exactly the nth packet that it names', async () => {
    const vnet = await attach('--wire-in', 'drop icmp nth 3')
    expect(await sequence(seqs => seqs.includes(5))).toEqual([1, 2, 4, 5])
    await stop(vnet)
  })
})

test('what a container transmits passes wire-out alone', async () => {
  const vnet = await attach('--wire-out', 'loss 100%', '--wire-in', 'delay 0ms')
  await dockerd.netns.run(`ping -q -i 0.002 -W 0.1 -c 10 ${web.address}`)
  await expect.poll(() => counted(web, 'Icmp.OutEchoReps')).toBe(10)
  expect(await stop(vnet)).toMatchObject([
    { side: 'in', out: 10, dropped: 0 },
    { side: 'out', out: 0, dropped: 10 },
  ])
})

test('no packet reaches a container between cut and plug', async () => {
  const vnet = await attach()
  await pingWithoutLoss(dockerd.netns, `-c 3 -i 0.01 ${web.address}`)
  expect((await runMain('cut', nameOf(vnet))).status).toBe(0)
  await dockerd.netns.run(`ping -q -i 0.002 -W 0.1 -c 10 ${web.address}`)
  expect(counted(web, 'Icmp.InEchos')).toBe(3)
  expect((await runMain('plug', nameOf(vnet))).status).toBe(0)
  await pingWithoutLoss(dockerd.netns, `-c 3 -i 0.01 ${web.address}`)
  await stop(vnet)
})

test('TCP from a container through delay, loss and reordering arrives whole', async () => {
  const make =
    'mkdir /www; head -c 1000000 /dev/urandom > /www/file; md5sum < /www/file; httpd -h /www'
  const made = await dockerd.docker('exec', 'web', '/bin/busybox', 'sh', '-c', make)
  const vnet = await attach('--wire', 'delay 2ms 1ms loss 1% reorder 5%')
  const got = await outcome(
    dockerd.netns.spawn(['sh', '-c', `curl -s http://${web.address}/file | md5sum`]),
  )
  expect(got.stdout.trimEnd()).toBe(made)
  await stop(vnet)
})

test('an attachment ends with its container, and a log line says so', async () => {
  const vnet = await attach('--wire', 'delay 1ms')
  await dockerd.docker('rm', '-f', 'web')
  expect((await vnet.ended).stdout).toMatch(/the interface was brought down, moved or deleted/)
})

test('--interface chooses one of the networks of a container', async () => {
  await dockerd.docker('network', 'create', '--subnet', '198.18.1.0/24', 'second')
  try {
    await dockerd.docker('network', 'connect', 'second', 'web')
    const all = await attach()
    expect(all.interfaces()).toHaveLength(2)
    await all.stop()
    const one = await attach('--interface', 'eth1', '--wire-in', 'loss 100%')
    expect(one.interfaces()).toHaveLength(1)
    await pingWithoutLoss(dockerd.netns, `-c 3 -i 0.01 ${web.address}`)
    await stop(one)
  } finally {
    await dockerd.removeContainers()
    await dockerd.docker('network', 'rm', 'second')
  }
})

test.each([
  ['nosuch', /there is no such container/],
  ['ended', /it is not running/],
  ['bare', /it has no network/],
  ['shared', /it has the host's network/],
])('vnet attach --container %s is refused in one line', async (name, why) => {
  await dockerd.run('ended')
  await dockerd.docker('kill', 'ended')
  await dockerd.run('bare', '--network', 'none')
  await dockerd.run('shared', '--network', 'host')
  const { status, stderr } = await runMain(
    'attach',
    '--netns',
    dockerd.netns.name,
    '--container',
    name,
  )
  expect([status, stderr.trimEnd().split('\n')]).toEqual([1, [expect.stringMatching(why)]])
})
