/**
 * A running vnet under load on its control socket: every client gets its own echoes, and clients
 * that misbehave cost no memory, no descriptor, no subscription, and no frame. The clients are
 * separate processes (test/support/control-load.c).
 */

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { heldMiB, holding } from '#support/held-memory.ts'
import { outcome } from '#support/netns.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { type Running, spawnVnet, stopConserved } from '#support/vnet-process.ts'

const source = fileURLToPath(new URL('../support/control-load.c', import.meta.url))
const CLIENTS = 8
/** Connections of a client that never reads. */
const DEAF = 40
/** Number of concurrent subscribers. */
const SUBSCRIBERS = 16

const directory = fileDirectory()
let program: string
const { netns } = freshQuietNamespaces('netns')
/** The path of its socket. */
let path: string

beforeAll(() => {
  chmodSync(directory, 0o755)
  program = join(directory, 'control-load')
  execFileSync('gcc', ['-O1', '-o', program, source])
})

/** Starts a vnet that reports what it holds. 64 queues make a dump long. */
async function running(): Promise<Running> {
  const vnet = await spawnVnet(['snull', '--txqs', '64', '--rxqs', '64', '--json'], {
    ...holding(join(directory, 'held')),
    within: ['ip', 'netns', 'exec', netns.name],
  })
  path = readDirectories().find(({ pid }) => pid === vnet.pid)!.vnet
  return vnet
}

/** Runs a client and returns what it prints at its end. */
async function client(what: string, ...numbers: number[]): Promise<Record<string, number>> {
  return said(words(what, numbers))
}

async function said(command: string[]): Promise<Record<string, number>> {
  const { status, stdout, stderr } = await outcome(netns.spawn(command))
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

/** Starts a client that runs until the test ends; returns its first line. */
async function staying(command: string[]): Promise<{ said: string; end(): Promise<unknown> }> {
  const child = netns.spawn(command)
  const ended = once(child, 'exit')
  const end = () => {
    child.kill('SIGKILL')
    return ended
  }
  for await (const line of child.stdout) {
    return { said: String(line).trim(), end }
  }
  throw new Error(`${command.join(' ')} ended`)
}

/** Subscribers that never read: how many were admitted, and a function that ends them. */
async function subscribed(): Promise<{ taken: number; end(): Promise<unknown> }> {
  const { said, end } = await staying(words('subscribe', [SUBSCRIBERS]))
  return { taken: JSON.parse(said).taken, end }
}

/** The command prefix of a user that may change nothing. */
const asUser = (uid: number, command: string[]) => [
  'setpriv',
  `--reuid=${uid}`,
  '--clear-groups',
  ...command,
]
const words = (what: string, numbers: readonly number[]) => [
  program,
  what,
  path,
  ...numbers.map(String),
]

/** Runs eight concurrent clients with `count` echoes each; every client gets its own. */
async function echoes(count: number): Promise<void> {
  const all = await Promise.all(
    Array.from({ length: CLIENTS }, (_, id) => client('echo', id, count, 4)),
  )
  expect(all).toEqual(Array(CLIENTS).fill({ answered: count, wrong: 0 }))
}

/** The memory in MiB that a vnet still uses when its garbage is collected, and its descriptors. */
async function holds(vnet: Running): Promise<{ mib: number; descriptors: number }> {
  return { mib: await heldMiB(vnet, join(directory, 'held')), descriptors: descriptors(vnet) }
}

const descriptors = ({ pid }: Running) => readdirSync(`/proc/${pid}/fd`).length

test('eight concurrent clients each get their own echoes, and the vnet retains no memory of them', async () => {
  const vnet = await running()
  await echoes(4500)
  const before = await holds(vnet)
  await echoes(4500)
  const after = await holds(vnet)
  // An object of 40 bytes for each would be 1.4 MiB.
  expect(after.mib - before.mib).toBeLessThan(1)
  await expect.poll(() => descriptors(vnet)).toBeLessThanOrEqual(before.descriptors)
  await stopConserved(vnet)
})

test('clients that flood, never read, or are killed stop no other client or frame, and leave no memory', async () => {
  const vnet = await running()
  /** Misbehaves until other clients were served `times` times. */
  async function misbehave(times: number): Promise<void> {
    const deaf = await staying(asUser(4242, words('deaf', [DEAF, 20])))
    const flood = netns.spawn(asUser(4243, words('flood', [0xffff_ffff, 7])))
    const flooded = once(flood, 'exit')
    const killed = said(asUser(4244, words('killed', [10 * times])))
    const ping = pingWithoutLoss(netns, '-c 10 -i 0.1 198.18.0.2')
    for (let i = 0; i < times; i++) {
      expect(await client('echo', 99, 50, 4)).toEqual({ answered: 50, wrong: 0 })
    }
    expect(await killed).toEqual({ died: 10 * times })
    await ping
    flood.kill('SIGKILL')
    await Promise.all([flooded, deaf.end()])
  }
  for (let i = 0; i < 2; i++) {
    await misbehave(2)
  }
  await echoes(1000)
  const before = await holds(vnet)
  await misbehave(4)
  await echoes(1000)
  const after = await holds(vnet)
  // A million messages: an object of 40 bytes for each would be 40 MiB.
  expect(after.mib - before.mib).toBeLessThan(1)
  await expect.poll(() => descriptors(vnet)).toBeLessThanOrEqual(before.descriptors)
  using asking = ControlClient.open()
  for (const device of await asking.devices(path)) {
    expect(await asking.stats(path, device)).toMatchObject({ name: device.name })
  }
  await stopConserved(vnet)
})

test('subscribers that never read leave no memory once they have ended', async () => {
  const vnet = await running()
  /** So many events that the interface must go down and up again. */
  async function flaps(count: number): Promise<void> {
    const ip = netns.spawn(['ip', '-batch', '-'])
    const ended = outcome(ip)
    ip.stdin.end('link set sn1 down\nlink set sn1 up\n'.repeat(count))
    const [{ status }] = await Promise.all([ended, echoes(500)])
    expect(status).toBe(0)
  }
  async function deafened(): Promise<void> {
    const deaf = await subscribed()
    expect(deaf.taken).toBe(SUBSCRIBERS)
    await flaps(500)
    await deaf.end()
  }
  await deafened()
  const before = await holds(vnet)
  for (let round = 0; round < 2; round++) {
    await deafened()
  }
  const after = await holds(vnet)
  expect(after.mib - before.mib).toBeLessThan(1)
  await expect.poll(() => descriptors(vnet)).toBeLessThanOrEqual(before.descriptors)
  // The last changes of the flood may still be waiting for their time.
  const ping = async () => (await netns.run('ping -q -c 3 -i 0.02 198.18.0.2')).stdout
  await expect.poll(ping).toContain(' 0% packet loss')
  await stopConserved(vnet)
})
