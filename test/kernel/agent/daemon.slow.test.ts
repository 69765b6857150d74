/**
 * `vnet node`: an attachment of a client, which is back after a restart, and the daemon's rights;
 * test/containers/agent has the other cases.
 */
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { startAgent, useAgentSocket } from '#support/agent.ts'
import { interfacesOf, makeVeth } from '#support/attach.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { runMain } from '#support/run-main.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { PROGRAM, spawnVnet } from '#support/vnet-process.ts'

const { near, far, directory } = freshQuietNamespaces('near', 'far')
useAgentSocket(directory)
let inner: string

beforeEach(() => {
  makeVeth(near, far)
  inner = `${near.name}/inner`
})

const attach = (...args: string[]) => runMain('attach', '--node', ...args)
const socket = () => process.env.VNET_NODE_SOCKET as string
const state = () => JSON.parse(readFileSync(join(directory, 'node.state'), 'utf8'))
const wireOf = async (name: string) => (await runMain('wire', name)).stdout.split('\n').slice(0, 2)
const asNobody = () =>
  far.run(
    `setpriv --reuid 65534 --regid 65534 --clear-groups ${process.execPath} ${PROGRAM} attach --node inner`,
  )

test('a client gets an attachment that remains after the client has ended, until it is detached', async () => {
  const daemon = await startAgent()
  expect(await attach(inner, '--wire', 'delay 1ms', '--seed', '7')).toEqual({
    status: 0,
    stdout: 'inner\n',
    stderr: '',
  })
  expect(await wireOf(inner)).toEqual([
    `${inner} in (ab): delay 1ms`,
    `${inner} out (ba): delay 1ms`,
  ])
  await pingWithoutLoss(far, '-c 1 192.0.2.1')
  expect(await runMain('detach', inner)).toEqual({ status: 0, stdout: 'inner\n', stderr: '' })
  expect([state(), interfacesOf(near)]).toEqual([[], ['inner']])
  expect((await daemon.stop()).status).toBe(0)
})

test('the socket is for root alone, and another user is refused', async () => {
  await startAgent()
  chmodSync(directory, 0o755)
  expect(statSync(socket()).mode & 0o777).toBe(0o600)
  expect((await asNobody()).stderr).toMatch(/only root and members of its --group may ask/)
  // Whoever has a socket that was opened by mistake still has no rights.
  chmodSync(socket(), 0o666)
  expect((await asNobody()).stderr).toMatch(/^vnet: only root may do this: you are user 65534\n$/)
})

test('after a restart every attachment is back with its wire, also after kill -9, and its clients find it', async () => {
  const first = await spawnVnet(['node'])
  await attach(inner, '--wire-in', 'delay 1ms', '--seed', '7')
  await attach(`${far.name}/outer`, '--wire', 'delay 2ms', '--far-side')
  await first.stop('SIGKILL')
  const second = await spawnVnet(['node'])
  expect(await wireOf(inner)).toEqual([`${inner} in (ab): delay 1ms`, `${inner} out (ba): off`])
  expect(await wireOf(`${far.name}/outer`)).toEqual([
    `${far.name}/outer in (ab): delay 2ms`,
    `${far.name}/outer out (ba): delay 2ms`,
  ])
  await pingWithoutLoss(far, '-c 1 192.0.2.1')
  // Also after an orderly end.
  await second.stop()
  const third = await startAgent()
  expect((await runMain('list', '--names')).stdout).toContain(inner)
  await third.stop()
})

test('the daemon holds the capabilities that attachments need, and no others', async () => {
  const daemon = await spawnVnet(['node'])
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  const kept = [12n, 19n, 21n, 39n].map(bit => 1n << bit).reduce((a, b) => a | b)
  for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
    expect(BigInt(`0x${new RegExp(`${set}:\\s*(\\w+)`).exec(status)?.[1]}`)).toBe(kept)
  }
  expect((await attach(inner)).status).toBe(0)
})
