/** `vnet web` and `vnet metrics` beside running vnets, as processes of their own. */

import { chownSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { asUser, TREE } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { jsonLines, PROGRAM, type Running, spawnVnet, startVnet } from '#support/vnet-process.ts'

const { netns, other } = freshNamespaces('netns', 'other')

/** Returns the URL of the line `ready`, of a server with `--json`. */
function urlOf({ stdout }: Running, kind: 'web' | 'metrics'): string {
  return `${jsonLines(stdout)[0]?.[kind]}`
}

/** Returns the vnets of the first message of a page. */
async function hello(
  url: string,
): Promise<{ pid: number; devices: { id: string; name: string }[] }[]> {
  const { origin, hash } = new URL(url)
  const { body } = await fetch(`${origin}/events?${hash.slice(1)}`)
  let text = ''
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    const [, message] = /^data: (.*)\n/m.exec(text) ?? []
    if (message !== undefined) return JSON.parse(message).vnets
  }
  throw new Error('the feed has ended')
}

async function command(url: string, id: string, change: object): Promise<unknown> {
  const { origin, hash } = new URL(url)
  const headers = {
    authorization: `Bearer ${hash.replace('#token=', '')}`,
    'content-type': 'application/json',
  }
  const body = JSON.stringify({ id, command: change })
  return (await fetch(`${origin}/command`, { method: 'POST', headers, body })).json()
}

test('with --all an ordinary user’s servers show and change a vnet in namespaces of its own', async () => {
  const runtime = testDirectory()
  chownSync(runtime, NOBODY, NOBODY)
  // Only root may make /run/vnet.
  const within = asUser({ before: 'chmod 755 /run' })
  const options = { within, program: `${TREE}/dist/vnet.js`, env: { XDG_RUNTIME_DIR: runtime } }
  const vnet = await spawnVnet(['snull', '--json'], options)
  // Only in the vnet's user namespace is the user the one that may change it.
  const entered = [...within, 'nsenter', '--preserve-credentials', '-U', '-t', `${vnet.pid}`]
  const page = await spawnVnet(['web', '0', '--all', '--json'], { ...options, within: entered })
  const web = urlOf(page, 'web')
  const metrics = urlOf(await spawnVnet(['metrics', '0', '--all', '--json'], options), 'metrics')
  // Every local user reaches the ports, and learns nothing.
  const { origin } = new URL(web)
  for (const path of ['/events', '/metrics', '/capture']) {
    expect((await fetch(origin + path)).status).toBe(401)
  }
  expect((await fetch(metrics.replace(/\?.*/, ''))).status).toBe(401)
  expect(await (await fetch(metrics)).text()).toContain(`vnet_up{pid="${vnet.pid}"} `)
  const [{ devices } = { devices: [] }] = await hello(web)
  expect(devices.map(({ name }) => name)).toEqual(['sn0', 'sn1'])
  expect(await command(web, devices[0]?.id ?? '', { do: 'cut' })).toEqual({ ok: true })
  await vnet.line(/sn0: cable cut/)
})

test('with --all interfaces of the same name, of vnets in two namespaces, are different series', async () => {
  for (const { name } of [netns, other]) {
    await spawnVnet(['--json'], { within: ['ip', 'netns', 'exec', name] })
  }
  const metrics = await spawnVnet(['metrics', '0', '--all', '--json'])
  const text = await (await fetch(urlOf(metrics, 'metrics'))).text()
  for (const { name } of [netns, other]) {
    expect(text).toContain(`vnet_network_up{device="vnet0",netns="${name}"} 1`)
  }
})

test('vnet metrics sends requests without root’s rights, so that its clients cannot delay frames', async () => {
  await startVnet(['--netns', netns.name])
  const metrics = await spawnVnet(['metrics', '0', '--json'])
  expect(readFileSync(`/proc/${metrics.pid}/status`, 'latin1')).toMatch(/^CapEff:\t0+$/m)
  expect(await (await fetch(urlOf(metrics, 'metrics'))).text()).toContain('vnet_up')
})

test('vnet web where the loopback interface was never up is an error that names the command to run', async () => {
  // In a namespace that has no route at all the kernel binds to any address.
  for (const args of ['tuntap add x mode tap', 'addr add 192.0.2.1/24 dev x', 'link set x up']) {
    netns.ip(args)
  }
  expect(await netns.run(`${process.execPath} ${PROGRAM} web 8091`)).toMatchObject({
    status: 1,
    stderr:
      'vnet: 127.0.0.1 port 8091: address not available here; ' +
      'the loopback interface is down: run `ip link set lo up`\n',
  })
})
