/** `--web` and `--metrics`: processes of their own for one vnet, which end with it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { testDirectory } from '../../../../test/support/fresh-directory.ts'
import { freshNamespaces } from '../../../../test/support/fresh-namespaces.ts'
import { asUser, TREE } from '../../../../test/support/ordinary-user.ts'
import { NOBODY } from '../../../../test/support/privileges.ts'
import { runMain } from '../../../../test/support/run-main.ts'
import { jsonLines, type Running, spawnVnet, startVnet } from '../../../../test/support/vnet-process.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

const { own, netns } = freshNamespaces('netns')

/** Returns the URLs of the line `ready`, of a run with `--json`. */
function urlsOf({ stdout }: Running) {
  const { web = '', metrics = '' } = jsonLines(stdout).find(({ event }) => event === 'ready') as Record<string, string>
  const { origin, hash } = new URL(web)
  return { web, metrics, origin, token: hash.replace('#token=', '') }
}

const proc = (pid: number, file: string) => readFileSync(`/proc/${pid}/${file}`, 'latin1')
const childrenOf = (pid: number) => proc(pid, `task/${pid}/children`).trim().split(' ').map(Number)

/** Returns the vnets of the first message of a page. */
async function hello(url: string): Promise<{ pid: number; devices: { id: string; name: string }[] }[]> {
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

async function command({ origin, token }: ReturnType<typeof urlsOf>, id: string, change: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ id, command: change })
  return (await fetch(`${origin}/command`, { method: 'POST', headers, body })).json()
}

/** Settles when the server at the other end of a connection has ended; rejects if none listens. */
async function ended(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname).resume()
  // The end of a process resets a connection that it has not accepted yet.
  socket.once('error', () => {})
  await once(socket, 'connect')
  await once(socket, 'close')
}

/** A loopback address of this process's, so that no other process takes a port that it frees. */
const ADDRESS = `127.${64 + (process.pid >>> 16)}.${(process.pid >>> 8) & 255}.${process.pid & 255}`
/** A free port, for `--web` and `--metrics`. */
const FREE = `${ADDRESS}:0`

const refused = (url: string) => expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })

test('--web and --metrics serve one vnet with its rights, by processes that have none', async () => {
  const other = await startVnet(['--netns', own.add().name])
  // A terminal signals every process of a group.
  const args = ['snull', '--json', '--netns', netns.name, '--web', FREE, '--metrics', FREE]
  const vnet = await spawnVnet(args, { within: ['setsid'] })
  const urls = urlsOf(vnet)
  const [web = 0, metrics = 0] = childrenOf(vnet.pid)

  const [{ pid, devices } = { pid: 0, devices: [] }, ...others] = await hello(urls.web)
  expect([pid, devices.map(({ name }) => name), others]).toEqual([vnet.pid, ['sn0', 'sn1'], []])
  const text = await (await fetch(urls.metrics)).text()
  expect(text).toContain(`vnet_network_info{device="sn1",netns="${netns.name}",driver="snull",pid="${vnet.pid}"} 1`)
  expect(new Set(text.match(/pid="\d+"/g))).toEqual(new Set([`pid="${vnet.pid}"`]))
  expect(await command(urls, devices[0]?.id ?? '', { do: 'cut' })).toEqual({ ok: true })
  await vnet.line(/sn0: cable cut/)

  for (const child of [web, metrics]) {
    const none = { CapInh: 0, CapPrm: 0, CapEff: 0, CapBnd: 0, CapAmb: 0, NoNewPrivs: 1 }
    const status = proc(child, 'status').matchAll(/^(Cap\w+|NoNewPrivs):\s*(\w+)$/gm)
    expect(Object.fromEntries([...status].map(([, name, bits]) => [name, Number.parseInt(bits ?? '', 16)]))).toEqual(
      none,
    )
    expect(proc(child, 'cmdline') + proc(child, 'environ')).not.toContain(urls.token)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(child, signal)
  }
  expect([(await fetch(urls.web)).status, (await fetch(urls.metrics)).status]).toEqual([200, 200])

  process.kill(metrics, 'SIGKILL')
  await vnet.line(/vnet: --metrics: its process has ended \(SIGKILL\); the interfaces go on/)
  await refused(urls.metrics)
  expect((await fetch(urls.web)).status).toBe(200)

  process.kill(-vnet.pid, 'SIGINT')
  expect(await vnet.ended).toMatchObject({ status: 0, stderr: '', stdout: expect.not.stringContaining('--web: ') })
  await refused(urls.web)
  await other.stop()
})

test('the processes end with a vnet that is killed, even one that hangs, and the next vnet has the same token', async () => {
  const vnet = await spawnVnet(['--json', '--netns', netns.name, '--web', FREE, '--metrics', FREE])
  const { web, metrics, token } = urlsOf(vnet)
  const over = Promise.all([web, metrics].map(ended))
  expect([(await fetch(web)).status, (await fetch(metrics)).status]).toEqual([200, 200])
  // As one that hangs, it does not notice the end of its standard input.
  process.kill(childrenOf(vnet.pid)[0] ?? 0, 'SIGSTOP')
  expect((await vnet.stop('SIGKILL')).status).toBe(137)
  await over
  const next = await spawnVnet(['--json', '--netns', netns.name, '--web', new URL(web).host])
  expect(urlsOf(next).token).toBe(token)
  expect((await next.stop()).status).toBe(0)
})

test('an ordinary user’s page is where the user is, and changes the interfaces in the namespace', async () => {
  const runtime = testDirectory()
  chownSync(runtime, NOBODY, NOBODY)
  const options = { within: asUser(), program: `${TREE}/dist/vnet.js`, env: { XDG_RUNTIME_DIR: runtime } }
  const vnet = await spawnVnet(['snull', '--json', '--web', FREE, '--metrics', FREE], options)
  const urls = urlsOf(vnet)
  // Every local user reaches the ports, and learns nothing.
  for (const path of ['/events', '/metrics', '/capture']) expect((await fetch(urls.origin + path)).status).toBe(401)
  expect((await fetch(urls.metrics.replace(/\?.*/, ''))).status).toBe(401)
  expect(await (await fetch(urls.metrics)).text()).toContain(`vnet_up{pid="${vnet.pid}"} 1\n`)
  const [{ devices } = { devices: [] }] = await hello(urls.web)
  expect(devices.map(({ name }) => name)).toEqual(['sn0', 'sn1'])
  expect(await command(urls, devices[0]?.id ?? '', { do: 'cut' })).toEqual({ ok: true })
  await vnet.line(/sn0: cable cut/)
  const [web = 0] = childrenOf(vnet.pid)
  process.kill(web, 'SIGKILL')
  await vnet.line(/its process has ended/)
  await refused(urls.web)
  expect((await vnet.stop()).status).toBe(0)
})

test('a page has filters and captures where root alone could not read the program', async () => {
  const home = testDirectory()
  const mount = `mount -t tmpfs -o mode=700,uid=${NOBODY} none ${home} && mkdir ${home}/tree && mount --bind . ${home}/tree`
  const within = ['unshare', '-m', 'sh', '-ec', `cd ${ROOT} && ${mount} && cd / && exec "$@"`, 'sh']
  const args = ['snull', '--json', '--netns', netns.name, '--web', '0']
  const vnet = await spawnVnet(args, { within, program: `${home}/tree/dist/vnet.js` })
  const urls = urlsOf(vnet)
  const id = (await hello(urls.web))[0]?.devices[0]?.id ?? ''
  expect(await command(urls, id, { do: 'wire', words: 'match icmp (delay 1ms)' })).toEqual({ ok: true })
  const query = new URLSearchParams({ token: urls.token, device: id, filter: 'icmp' })
  const { status, body } = await fetch(`${urls.origin}/capture?${query}`)
  const { value } = (await body?.getReader().read()) ?? {}
  // The block type of a section header (draft-ietf-opsawg-pcapng sec. 4.1).
  expect([status, Buffer.from(value?.subarray(0, 4) ?? []).toString('hex')]).toEqual([200, '0a0d0d0a'])
  expect((await vnet.stop()).status).toBe(0)
})

test('vnet metrics sends requests without root’s rights, so that its clients cannot delay frames', async () => {
  const vnet = await startVnet(['--netns', netns.name])
  const metrics = spawn(process.execPath, [`${ROOT}dist/vnet.js`, 'metrics', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [url] = await once(metrics.stdout.setEncoding('utf8'), 'data')
    expect(proc(metrics.pid ?? 0, 'status')).toMatch(/^CapEff:\t0+$/m)
    expect(await (await fetch(url.trim())).text()).toContain('vnet_up')
  } finally {
    metrics.kill()
    await vnet.stop()
  }
})

test.each([['--web'], ['--metrics']])(
  '%s on a port in use is one line and status 1, before an interface is made',
  async option => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(await runMain('snull', option, `${port}`, '--netns', netns.name)).toEqual({
      status: 1,
      stdout: '',
      stderr: `vnet: ${option} ${port}: address in use; port 0 takes a free one\n`,
    })
    // The kernel counts the interfaces of a namespace, and lo is the first.
    netns.ip('tuntap add after mode tap')
    expect(JSON.parse(netns.ip('-j link show after'))).toMatchObject([{ ifindex: 2 }])
    server.close()
  },
)

test('--web where the loopback interface was never up is an error that names the command to run', async () => {
  // In a namespace that has no route at all the kernel binds to any address.
  for (const args of ['tuntap add x mode tap', 'addr add 192.0.2.1/24 dev x', 'link set x up']) netns.ip(args)
  expect(await netns.run(`${process.execPath} ${ROOT}dist/vnet.js snull --web 8091`)).toMatchObject({
    status: 1,
    stderr:
      'vnet: --web 8091: address not available here; ' + 'the loopback interface is down: run `ip link set lo up`\n',
  })
})

test.each([['8080x'], ['65536'], ['localhost:80'], ['::1:80'], ['[fe80::1%lo]:80']])(
  'the address %s is refused with status 2',
  async address => {
    const { status, stderr } = await runMain('--web', address, '--netns', netns.name)
    expect([status, stderr]).toEqual([2, expect.stringContaining(`--web ${address}: must be [ADDR:]PORT`)])
  },
)
