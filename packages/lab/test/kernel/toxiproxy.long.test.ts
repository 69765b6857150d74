/** Many proxies and connections of `vnet toxiproxy`, in bounded memory, and what kill -9 leaves. */
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import net, { type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { spawnVnet } from '#support/vnet-process.ts'

const PROXIES = 1000
/** A connection has four sockets there: a limit of 20,000 open files allows 4,650. */
const FILES = Number(
  /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1],
)
const CONNECTIONS = Math.min(5000, Math.floor((FILES - PROXIES - 400) / 4 / 50) * 50)
const DESCRIPTORS = 4 * CONNECTIONS + PROXIES + 400
/** MiB of memory of both processes together, with all connections. */
const MEMORY_MAX = 900

const statusOf = (pid: number) => readFileSync(`/proc/${pid}/status`, 'latin1')
const residentOf = (pid: number) => Number(/^VmRSS:\s+(\d+)/m.exec(statusOf(pid))?.[1]) / 1024
const interfaces = () => readdirSync('/sys/class/net').sort()

test(`${PROXIES} proxies carry ${CONNECTIONS} connections, and kill -9 leaves nothing`, async () => {
  const before = interfaces()
  const server = net.createServer(socket => void socket.on('error', () => {}).pipe(socket))
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  const sockets: Socket[] = []
  onTestFinished(() => {
    for (const socket of sockets) {
      socket.destroy()
    }
    server.close()
  })
  const vnet = await spawnVnet(['toxiproxy', '--port', '0'], { until: /^ready: / })
  const [url] = /http:[^,]+/.exec(await vnet.line(/ready/)) as RegExpExecArray
  const lab = Number(readFileSync(`/proc/${vnet.pid}/task/${vnet.pid}/children`, 'latin1').trim())
  const { port } = server.address() as AddressInfo
  const fields = Array.from({ length: PROXIES }, (_, i) => ({
    name: `p${i}`,
    listen: '127.0.0.1:0',
    upstream: `127.0.0.1:${port}`,
  }))
  const response = await fetch(`${url}/populate`, { method: 'POST', body: JSON.stringify(fields) })
  const { proxies } = (await response.json()) as { proxies: { listen: string }[] }
  expect(proxies).toHaveLength(PROXIES)
  const empty = [vnet.pid, lab].map(residentOf)

  const echoed = async (socket: Socket) => {
    socket.write('ping')
    expect(`${(await once(socket, 'data'))[0]}`).toBe('ping')
  }
  const open = async (i: number) => {
    const { listen } = proxies[i % PROXIES] as { listen: string }
    const socket = net.connect(Number(listen.split(':')[1]), '127.0.0.1')
    sockets.push(socket.on('error', () => {}))
    await echoed(socket)
  }
  for (let i = 0; i < CONNECTIONS; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, k) => open(i + k)))
  }
  const descriptors = readdirSync(`/proc/${vnet.pid}/fd`).length
  const full = [vnet.pid, lab].map(residentOf)
  console.log(
    `MiB empty ${empty.map(Math.round)}, full ${full.map(Math.round)}; ${descriptors} descriptors`,
  )
  expect(descriptors).toBeLessThan(DESCRIPTORS)
  expect(readdirSync(`/proc/${lab}/fd`).length).toBeLessThan(PROXIES + 200)
  expect(full.reduce((sum, each) => sum + each)).toBeLessThan(MEMORY_MAX)

  const add = { type: 'packet_loss', attributes: { percent: 1 } }
  for (let i = 0; i < 20; i++) {
    await fetch(`${url}/proxies/p${i}/toxics`, { method: 'POST', body: JSON.stringify(add) })
  }
  await echoed(sockets[0] as Socket)
  await echoed(sockets[PROXIES / 2] as Socket)

  const closed = Promise.all(sockets.map(socket => once(socket, 'close')))
  await vnet.stop('SIGKILL')
  await closed
  await expect
    .poll(() => existsSync(`/proc/${lab}`) && !/^State:\s+Z/m.test(statusOf(lab)), {
      timeout: 30_000,
    })
    .toBe(false)
  expect(interfaces()).toEqual(before)
}, 300_000)
