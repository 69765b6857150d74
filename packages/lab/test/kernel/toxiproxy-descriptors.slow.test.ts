/** Descriptors of both processes of `vnet toxiproxy`, with too many sockets or none to be had. */
import { execFileSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import net, { type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { attempt } from '#src/base/errno.ts'
import { spawnVnet } from '#support/vnet-process.ts'
import { echo, udpSocket } from '../support/toxiproxy.ts'

/** A limit at which 100 connections or 200 sessions fit beside what vnet keeps for itself. */
const LIMIT = 806

/** The flags of a listening socket in /proc/net/unix (__SO_ACCEPTCON). */
const LISTENS = '00010000'

async function started(limit?: number) {
  const within = limit === undefined ? [] : ['prlimit', `--nofile=${limit}`]
  const vnet = await spawnVnet(['toxiproxy', '--port', '0'], { until: /^ready: /, within })
  const [url] = /http:[^,]+/.exec(await vnet.line(/ready/)) as RegExpExecArray
  const lab = Number(readFileSync(`/proc/${vnet.pid}/task/${vnet.pid}/children`, 'latin1').trim())
  await expect.poll(() => hasControlSocket(lab)).toBe(true)
  // Connections of requests would count.
  const headers = { connection: 'close' }
  const ask = (path: string, method: string, body?: object) =>
    fetch(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  const add = async (name: string, upstream: string, network = 'tcp') => {
    const response = await ask('/proxies', 'POST', {
      name,
      listen: '127.0.0.1:0',
      upstream,
      network,
    })
    const { listen } = (await response.json()) as { listen: string }
    return Number(listen.split(':')[1])
  }
  const remove = async (name: string) => (await ask(`/proxies/${name}`, 'DELETE')).status
  const state = async () => (await (await ask('/vnet', 'GET')).json()) as Record<string, number>
  return { pids: [vnet.pid, lab] as const, add, remove, state }
}

/** Whether a process listens at a Unix socket. A lab opens its own some time after it is ready. */
function hasControlSocket(pid: number): boolean {
  const rows = readFileSync('/proc/net/unix', 'latin1')
    .split('\n')
    .map(line => line.split(/\s+/))
  const listening = rows
    .filter(([, , , flags]) => flags === LISTENS)
    .map(row => `socket:[${row[6]}]`)
  return readdirSync(`/proc/${pid}/fd`).some(fd =>
    listening.includes(attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? ''),
  )
}

const filesOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

/** Connects. The socket is closed after the test. */
async function connect(port: number): Promise<Socket> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

async function echoPort(): Promise<number> {
  const server = net
    .createServer(socket => void socket.on('error', () => {}).pipe(socket))
    .listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

async function udpEchoPort(): Promise<number> {
  const server = await udpSocket()
  server.on('message', (bytes, { port, address }) => server.send(bytes, port, address))
  return server.address().port
}

/** Sends a datagram. The socket, which is a client of its own, is closed after the test. */
async function datagram(port: number): Promise<dgram.Socket> {
  const socket = await udpSocket()
  socket.send('a', port, '127.0.0.1')
  return socket
}

test('datagrams to an upstream without an address leave no descriptor, however many come', async () => {
  const { pids, add, remove } = await started(1024)
  const [dead, web] = [
    await add('dead', 'gone.invalid:53', 'udp'),
    await add('web', `127.0.0.1:${await echoPort()}`),
  ]
  const before = pids.map(filesOf)
  for (let i = 0; i < 1500; i++) {
    const socket = dgram.createSocket('udp4')
    await new Promise(resolve => socket.send('x', dead, '127.0.0.1', resolve))
    socket.close()
  }
  expect(await echo(await connect(web), 'a')).toBe('a')
  for (const [i, count] of before.entries()) {
    expect(filesOf(pids[i] as number)).toBeLessThan(count + 10)
  }
  expect(await remove('dead')).toBe(204)
})

test('sessions of all UDP proxies leave room for connections, and connections for the API', async () => {
  const { pids, add, state, remove } = await started(LIMIT)
  const upstream = `127.0.0.1:${await udpEchoPort()}`
  const ports = [await add('a', upstream, 'udp'), await add('b', upstream, 'udp')]
  const web = await add('web', `127.0.0.1:${await echoPort()}`)
  for (let i = 0; i < 300; i++) {
    const client = await datagram(ports[i % 2] as number)
    await once(client, 'message')
  }
  const { sessions = 0 } = await state()
  expect(sessions).toBe(Math.floor((LIMIT - 400 - 5) / 2))
  expect(filesOf(pids[0])).toBeLessThan(LIMIT - 300)
  const first = await connect(web)
  expect(await echo(first, 'a')).toBe('a')
  expect(await state()).toMatchObject({
    connections: 1,
    sessions: sessions - 2,
    connectionsMax: 100,
  })
  for (let i = 1; i < 100; i++) {
    expect(await echo(await connect(web), 'b')).toBe('b')
  }
  const refused = await connect(web)
  await once(refused.resume(), 'close')
  expect(await state()).toMatchObject({ connections: 100, sessions: 0, connectionsMax: 100 })
  expect(await echo(first, 'c')).toBe('c')
  expect(await remove('web')).toBe(204)
  const client = await datagram(ports[0] as number)
  await once(client, 'message')
})

test.each([
  ['that relays', 0],
  ['of the lab', 1],
])('the process %s leaves no socket open when it has no room for another', async (_, which) => {
  const { pids, add, remove } = await started()
  const port = await add('web', `127.0.0.1:${await echoPort()}`)
  const idle = pids.map(filesOf)
  const isIdle = () => pids.every((pid, i) => filesOf(pid) <= (idle[i] as number))
  const udp = await add('dns', `127.0.0.1:${await udpEchoPort()}`, 'udp')
  const pid = pids[which] as number
  const limit = (files: number) =>
    execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${files}:`])
  // Four times, because a connection of the API may have been counted before.
  for (let i = 0; i < 32; i++) {
    limit(Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number)) + 1 + (i % 8))
    await datagram(udp)
    const socket = await connect(port)
    const closed = new Promise(resolve => socket.once('close', resolve))
    await Promise.race([echo(socket, 'a').catch(() => {}), closed])
    socket.destroy()
  }
  limit(20_000)
  expect(await remove('dns')).toBe(204)
  const last = await connect(port)
  expect(await echo(last, 'c')).toBe('c')
  last.destroy()
  await expect.poll(isIdle).toBe(true)
})
