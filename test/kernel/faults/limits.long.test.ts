/**
 * A vnet that is killed, stopped, or short of descriptors, disk, memory or names: its log, its
 * leftovers, and the work that continues.
 */

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { ControlClient } from '#src/control/index.ts'
import { genlmsghdr, MessageBuilder, NLM_F_DUMP, NLM_F_REQUEST } from '#src/netlink/index.ts'
import { ipv4Bytes } from '#src/packet/address.ts'
import { DHCPACK, DHCPDISCOVER, DHCPOFFER, DHCPREQUEST, parse } from '#src/packet/dhcp.ts'
import { octetsOfMessage } from '#support/dhcp.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { type HostFrame, PacketSocket } from '#support/packet-socket.ts'
import { SEED, scaled } from '#support/scale.ts'
import { tcpConnect } from '#support/sockets.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { spawnVnet, stopConserved } from '#support/vnet-process.ts'
import { BROADCAST, udp } from '../../../packages/lan/test/packets.ts'

const { own, netns, directory } = freshQuietNamespaces('netns')

const inside = () => ['nsenter', `--net=/run/netns/${netns.name}`]
const links = () => JSON.parse(netns.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname)

/** DHCP clients on one port, by number. */
class Clients implements Disposable {
  readonly #socket: PacketSocket

  constructor(netns: Netns, name: string) {
    this.#socket = new PacketSocket(netns, name)
  }

  discover(n: number): void {
    this.#send(n, DHCPDISCOVER, [])
  }

  request(n: number, address: number): void {
    const server = [54, [198, 18, 0, 1]] as [number, number[]]
    this.#send(n, DHCPREQUEST, [[50, [...ipv4Bytes(address)]], server])
  }

  /** The address in the first message of this type for client `n`. */
  async told(n: number, type: number): Promise<number> {
    const frame = await this.#socket.until(
      frame => messageOf(frame)?.options.get(53)?.[0] === type && clientOf(frame) === n,
    )
    return messageOf(frame)?.yiaddr as number
  }

  async lease(n: number): Promise<void> {
    this.discover(n)
    this.request(n, await this.told(n, DHCPOFFER))
    await this.told(n, DHCPACK)
  }

  #send(n: number, type: number, options: [number, number[]][]): void {
    const mac = [2, 0, 0, 0, n >> 8, n & 255]
    const octets = octetsOfMessage(type, Uint8Array.from(mac), { options })
    const from = { mac, ip: [0, 0, 0, 0] }
    this.#socket.send(
      udp({ mac: BROADCAST, ip: [255, 255, 255, 255] }, 67, [...octets], { from, sourcePort: 68 }),
    )
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}

const messageOf = ({ octets }: HostFrame) =>
  octets.length > 282 && octets[23] === 17 && octets[37] === 68
    ? parse(octets.subarray(42))
    : undefined
const clientOf = ({ octets }: HostFrame) => ((octets[74] as number) << 8) | (octets[75] as number)

/** A vnet lan with a file of leases; `within` is put before it. */
const spawnLan = (within: readonly string[] = []) =>
  spawnVnet(
    ['lan', 'eth9', '--negotiation', '0', '--leases', join(directory, 'leases'), '--json'],
    {
      within: [...within, ...inside()],
    },
  )

test('a vnet killed at any moment leaves no interface and no broken leases, and starts again', async () => {
  const { below } = random(SEED)
  for (let i = 0; i < scaled(100); i++) {
    const starting = spawnLan()
    const delay = below(400)
    const killed = starting.then(async vnet => {
      using clients = new Clients(netns, 'eth9')
      const leasing = clients.lease(i)
      await Promise.race([leasing, sleep(delay)])
      return vnet.stop('SIGKILL')
    })
    expect((await killed).status, `seed ${SEED}, run ${i}`).toBe(137)
    expect(links()).toEqual(['lo'])
    JSON.parse(readFileSync(join(directory, 'leases'), 'utf8'))
  }
  const vnet = await spawnLan()
  using clients = new Clients(netns, 'eth9')
  await clients.lease(1000)
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
  expect(readdirSync(directory)).toEqual(['leases'])
})

test('a stopped vnet that continues carries the queued frames, and counts the others', async () => {
  const vnet = await spawnVnet(['snull', '--txqueuelen', '100', '--json'], { within: inside() })
  process.kill(vnet.pid, 'SIGSTOP')
  await expect.poll(() => readFileSync(`/proc/${vnet.pid}/status`, 'utf8')).toMatch(/^State:\tT/m)
  using from = new PacketSocket(netns, 'sn0')
  using to = new PacketSocket(netns, 'sn1')
  const frame = udp({ mac: BROADCAST, ip: [198, 18, 0, 2] }, 9999, 'a datagram')
  for (let i = 0; i < 150; i++) {
    from.trySend(frame)
  }
  process.kill(vnet.pid, 'SIGCONT')
  await to.until(() => to.frames.length === 100)
  await pingWithoutLoss(netns, '-c 3 -i 0.02 198.18.0.2')
  const { sn0 } = await stopConserved(vnet)
  expect(sn0?.kernel).toMatchObject({ txPackets: sn0?.total.txPackets, txDropped: 50 })
})

test('with too few descriptors vnet starts, or reports the lack in one line and cleans up', async () => {
  let started = 0
  for (let most = 30; started === 0 && most < 300; most += 2) {
    const within = ['prlimit', `--nofile=${most}`]
    const vnet = await spawnVnet(['snull', '--json'], { within: [...inside(), ...within] }).catch(
      (error: Error) => error,
    )
    if (vnet instanceof Error) {
      const [, ...said] = vnet.message.trimEnd().split('\n')
      expect(
        said.filter(line => !line.startsWith('{')),
        `${most} descriptors`,
      ).toEqual([
        expect.stringMatching(/^vnet: .*too many open files in the process; raise ulimit -n$/),
      ])
    } else {
      started = most
      await stopConserved(vnet)
    }
    expect(links()).toEqual(['lo'])
  }
  expect(started).toBeGreaterThan(0)
})

test('with no descriptor left vnet carries frames, and does not spin on new clients', async () => {
  const config = join(directory, 'lan.yaml')
  writeFileSync(
    config,
    'hosts:\n  - { name: web, ip: 198.18.0.7, ports: [{ port: 80, service: http }, { port: 7, service: echo }] }\n',
  )
  const vnet = await spawnVnet(
    ['lan', 'eth9', '--negotiation', '0', '--config', config, '--json'],
    {
      within: inside(),
    },
  )
  await netns.run('ip addr add 198.18.0.50/24 dev eth9')
  const limit = (most: number) =>
    execFileSync('prlimit', ['--pid', `${vnet.pid}`, `--nofile=${most}:`])
  // Three may connect.
  const taken = new Set(readdirSync(`/proc/${vnet.pid}/fd`).map(Number))
  let free = 0
  while (taken.has(free)) {
    free++
  }
  limit(free + 3)
  const open = () => tcpConnect(netns, '198.18.0.50', '198.18.0.7', 7)
  const connections = await Promise.all(Array.from({ length: 20 }, open))
  await Promise.any(
    connections.map(async socket => {
      socket.resume()
      await Promise.race([once(socket, 'end'), once(socket, 'close')])
    }),
  )
  const ticks = () => {
    const fields = readFileSync(`/proc/${vnet.pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return Number(fields[11]) + Number(fields[12])
  }
  const before = ticks()
  expect(await netns.run('ping -c 5 -i 0.2 -W 5 198.18.0.7')).toMatchObject({ status: 0 })
  // A second; one that spins would have taken all of it.
  expect(ticks() - before).toBeLessThan(50)
  for (const socket of connections) {
    socket.destroy()
  }
  limit(1024)
  const { status } = await netns.run('curl -sS --max-time 20 http://198.18.0.7/')
  expect(status).toBe(0)
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
})

test('with a full disk no new lease is granted and the old ones remain, until the disk has room', async () => {
  const tmpfs = [
    'unshare',
    '-m',
    'sh',
    '-c',
    `mount -t tmpfs -o size=16k none ${directory} && exec "$@"`,
    'sh',
  ]
  const vnet = await spawnLan(tmpfs)
  const files = `/proc/${vnet.pid}/root${directory}`
  using clients = new Clients(netns, 'eth9')
  await clients.lease(1)
  const kept = readFileSync(join(files, 'leases'), 'utf8')
  const filler = join(files, 'filler')
  for (let size = 4096; ; size += 4096) {
    try {
      writeFileSync(filler, new Uint8Array(size))
    } catch {
      break
    }
  }
  clients.discover(2)
  const address = await clients.told(2, DHCPOFFER)
  clients.request(2, address)
  await vnet.line(/no space left on device/)
  expect(readFileSync(join(files, 'leases'), 'utf8')).toBe(kept)
  expect(readdirSync(files).sort()).toEqual(['filler', 'leases'])
  rmSync(filler)
  await clients.lease(3)
  expect(readFileSync(join(files, 'leases'), 'utf8')).toContain('02:00:00:00:00:03')
  const { status, stderr } = await vnet.stop()
  expect([status, stderr]).toEqual([0, ''])
})

test('with too little address space vnet starts, or ends and cleans up', async () => {
  const said: string[] = []
  for (let mib = 700; mib <= 1500; mib += 40) {
    const within = ['prlimit', `--as=${mib << 20}`]
    const vnet = await spawnVnet(['snull', '--json'], { within: [...inside(), ...within] }).catch(
      (error: Error) => error,
    )
    if (vnet instanceof Error) {
      said.push(vnet.message)
    } else {
      await stopConserved(vnet).catch(error => {
        // Node may start with just enough, and its heap may need more at the end.
        if (!vnet.stderr.includes('JavaScript heap out of memory')) throw error
      })
    }
    expect(links()).toEqual(['lo'])
  }
  // With even less Node itself does not start, and says so at length.
  const own = said.filter(text => /^vnet: /m.test(text))
  for (const text of own) {
    expect(text).toMatch(/\nvnet: frame memory: out of memory; .*\(ulimit -v\)\n$/)
  }
  expect(own.length).toBeGreaterThan(0)
})

const DEVICES = 200

test(`one vnet has ${DEVICES} devices, and none is left at its end`, async () => {
  const names = Array.from({ length: DEVICES }, (_, i) => `p${i}`)
  const vnet = await spawnVnet(['lan', ...names, '--negotiation', '0', '--json'], {
    within: inside(),
  })
  expect(vnet.interfaces().map(({ name }) => name)).toEqual(names)
  expect(new Set(vnet.interfaces().map(({ mac }) => mac)).size).toBe(DEVICES)
  for (const name of ['p0', `p${DEVICES - 1}`]) {
    using clients = new Clients(netns, name)
    await clients.lease(Number(name.slice(1)))
  }
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
  expect(links()).toEqual(['lo'])
})

test('clients that end during a request leave no descriptors or memory', async () => {
  const vnet = await spawnVnet(['snull', '--json'], { within: inside() })
  const name = readdirSync('/run/vnet').find(
    name => name.startsWith(`${vnet.pid}-`) && name.endsWith('.sock'),
  )
  const path = join('/run/vnet', name as string)
  const descriptors = () => readdirSync(`/proc/${vnet.pid}/fd`).length
  const before = descriptors()
  const { below } = random(SEED)
  // A dump of all devices: whole, or only its first part.
  const request = new MessageBuilder()
    .message(0x3f0, NLM_F_REQUEST | NLM_F_DUMP, 1)
    .payload(genlmsghdr(2, 1))
    .bytes.slice()
  const ping = pingWithoutLoss(netns, '-c 20 -i 0.05 198.18.0.2')
  for (let i = 0; i < 1000; i++) {
    const socket = await connected(path)
    for (let n = below(20); n > 0; n--) {
      socket.write(request)
    }
    socket.write(request.subarray(0, below(request.length)))
    if (below(2) === 0) {
      await new Promise(setImmediate)
    }
    socket.destroy()
  }
  await ping
  using client = new ControlClient(own.native)
  expect(await client.devices(path)).toHaveLength(2)
  client.close()
  await expect.poll(descriptors).toBeLessThanOrEqual(before)
  await stopConserved(vnet)
})

/** A connection, once the server has accepted enough earlier ones. */
async function connected(path: string): Promise<Socket> {
  for (;;) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
    await sleep(2)
  }
}
