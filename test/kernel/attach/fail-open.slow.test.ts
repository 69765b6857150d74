/** Frames pass an interface directly when the vnet that is attached to it ends or hangs. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, test } from 'vitest'
import { interfacesOf, makeVeth } from '#support/attach.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { tcpExchange } from '#support/sockets.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const SPINNING = fileURLToPath(new URL('spinning.mjs', import.meta.url))
const MIB = 1 << 20

const { near, far, directory } = freshQuietNamespaces('near', 'far')

beforeEach(() => makeVeth(near, far))

const within = () => ({ within: ['ip', 'netns', 'exec', near.name] })
const start = (...args: string[]): Promise<Running> =>
  spawnVnet(['attach', 'inner', ...args], within())
const client = { netns: far, address: '192.0.2.2', reachedAt: '192.0.2.2' }
const server = { netns: near, address: '192.0.2.1', reachedAt: '192.0.2.1' }

/** Returns whether a ping gets a reply. */
async function answers(): Promise<boolean> {
  return (await far.run('ping -q -c 1 -W 1 192.0.2.1')).status === 0
}

/** Packets that have passed the stages of the wire in both directions. */
async function passed(): Promise<number[]> {
  const { stdout } = await near.run(`${process.execPath} ${PROGRAM} wire inner --json`)
  return stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).in)
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  '%s under load lets a transfer finish, and nothing remains',
  async signal => {
    const vnet = await start('--wire', 'rate 50mbit')
    const exchange = tcpExchange(client, server, 16 * MIB)
    await expect.poll(async () => (await passed())[0]).toBeGreaterThan(100)
    await vnet.stop(signal)
    const { sent, received } = await exchange
    expect(received).toEqual(sent)
    expect(interfacesOf(near)).toEqual(['inner'])
    expect(near.exec('tc qdisc show dev inner')).not.toMatch(/clsact|ingress/)
    await pingWithoutLoss(far, '-c 1 192.0.2.1')
  },
)

test('frames pass directly while vnet is stopped, and through the wire when it continues', async () => {
  const vnet = await start('--wire-in', 'loss 100%')
  // On a busy machine vnet may be late by itself.
  await expect.poll(answers).toBe(false)
  process.kill(vnet.pid, 'SIGSTOP')
  await expect.poll(answers).toBe(true)
  const { sent, received } = await tcpExchange(client, server, 4 * MIB)
  expect(received).toEqual(sent)
  process.kill(vnet.pid, 'SIGCONT')
  await vnet.line(
    /inner: vnet was too late: [1-9]\d* frames in and [1-9]\d* out passed directly so far/,
  )
  await expect.poll(answers).toBe(false)
  expect((await vnet.stop()).status).toBe(0)
})

test('vnet that is stopped under load lets the transfer finish', async () => {
  const vnet = await start('--wire', 'rate 50mbit', '--fail-open', '50ms')
  const exchange = tcpExchange(client, server, 16 * MIB)
  await expect.poll(async () => (await passed())[0]).toBeGreaterThan(100)
  process.kill(vnet.pid, 'SIGSTOP')
  const { sent, received } = await exchange
  expect(received).toEqual(sent)
  process.kill(vnet.pid, 'SIGCONT')
  await vnet.line(/vnet was too late/)
  const [before, beforeOut] = await passed()
  // On a busy machine vnet may be late again.
  await expect
    .poll(async () => {
      await pingWithoutLoss(far, '-c 1 192.0.2.1')
      const [now, nowOut] = await passed()
      return [now! > before!, nowOut! > beforeOut!]
    })
    .toEqual([true, true])
})

test('frames pass directly while a stage loops without end, and through the wire afterwards', async () => {
  const file = join(directory, 'go-on')
  const vnet = await spawnVnet(['inner', file], {
    ...within(),
    program: SPINNING,
    until: /^ready$/,
  })
  using sender = new PacketSocket(far, 'outer')
  sender.send(ethernet(0x88b7, 46))
  await expect.poll(answers).toBe(true)
  writeFileSync(file, '')
  await vnet.line(/vnet was too late/)
  await expect.poll(answers).toBe(true)
  await vnet.line(/^back$/)
})
