/**
 * The traffic of a lab in memory with many kinds of sockets, whose captures a seed decides. As a
 * program it prints the sums of the seeds that it is given; as a worker thread it posts them.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { createLab } from '@vnet/lab'

const WIRE = 'delay 20ms 8ms loss 2% duplicate 2%'
const REORDERING = 'delay 10ms reorder 10% loss 1%'

/** Returns the sha256 of the captures of all links and of what the programs saw. */
export async function sumOf(seed) {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  const lab = await createLab({ world: 'memory', seed })
  try {
    const [client, phone, server, backend] = lab.hosts('client', 'phone', 'server', 'backend')
    const options = { inside: [client, phone], outside: server, nat: 'port-restricted', wire: WIRE }
    const gate = await lab.router('gate', options)
    const links = [client, phone, server].map(host => gate.linkTo(host))
    links.push(
      await lab.cable(server, backend, {
        wire: { ab: REORDERING, ba: 'rate 20mbit burst 5kb limit 40' },
      }),
    )
    const files = links.map((_, i) => join(directory, `${i}.pcapng`))
    const ends = await Promise.all(links.map((link, i) => link.capture(files[i])))
    const seen = []
    await Promise.all([
      byHttp(client, server, backend, seen),
      byTcp(phone, server, seen),
      byUdp(lab, client, phone, server, seen),
      byHttp2(client, server, seen),
    ])
    await lab.sleep('30s')
    seen.push(`${lab.now} ms`)
    for (const end of ends) {
      await end()
    }
    const hash = createHash('sha256')
    for (const file of files) {
      hash.update(readFileSync(file))
    }
    return hash.update(seen.join('\n')).digest('hex')
  } finally {
    await lab.close()
    rmSync(directory, { recursive: true })
  }
}

/** A server that asks another one, for clients of node:http and of fetch, over IPv4 and IPv6. */
async function byHttp(client, server, backend, seen) {
  const echo = http.createServer((request, response) => request.pipe(response))
  await backend.listen(echo, 80)
  const agent = server.agent()
  const proxy = http.createServer(async (request, response) => {
    const ask = http.request({ host: 'backend', agent, method: 'POST' })
    request.pipe(ask)
    const [answer] = await once(ask, 'response')
    setTimeout(() => answer.pipe(response), 7)
  })
  await server.listen(proxy, 80)
  const own = client.agent()
  const withNode = async (host, size) => {
    const request = http.request({ host, agent: own, method: 'POST' })
    request.end(Buffer.alloc(size, 'n'))
    const [response] = await once(request, 'response')
    const { length } = await buffer(response)
    seen.push(`node ${host} ${length} ${response.headers.date}`)
  }
  const withFetch = async (host, size) => {
    const response = await client.fetch(`http://${host}/`, {
      method: 'POST',
      body: Buffer.alloc(size, 'f'),
    })
    seen.push(
      `fetch ${host} ${(await response.arrayBuffer()).byteLength} ${response.headers.get('date')}`,
    )
  }
  const v6 = server.addresses.find(address => address.includes(':'))
  for (const size of [10, 30_000]) {
    await Promise.all([
      withNode('server', size),
      withFetch('server', size),
      withFetch(`[${v6}]`, size),
    ])
  }
}

/** Bytes in both directions of connections over IPv4 and IPv6, some of them at intervals. */
async function byTcp(phone, server, seen) {
  const accept = async socket => {
    socket.on('error', () => {})
    socket.end(Buffer.alloc(60_000, 's'))
    for await (const chunk of socket) {
      seen.push(`server ${chunk.length}`)
    }
  }
  await server.listen(net.createServer({ allowHalfOpen: true }, accept), 7)
  const exchange = async host => {
    const socket = await phone.connect(7, host)
    const received = buffer(socket)
    for (let i = 0; i < 20; i++) {
      socket.write(Buffer.alloc(1000 + i, 'c'))
      await delay(3)
    }
    socket.end()
    seen.push(`client ${host} ${(await received).length}`)
  }
  await Promise.all(server.addresses.slice(0, 2).map(exchange))
}

/** Datagrams through the NAT, of two clients, and their echoes. */
async function byUdp(lab, client, phone, server, seen) {
  const echo = await server.createSocket('udp4', 9)
  echo.on('message', (data, { address, port }) => echo.send(data, port, address))
  const sockets = await Promise.all([client, phone].map(host => host.createSocket('udp4')))
  for (const [i, socket] of sockets.entries()) {
    let n = 0
    socket.on('message', data => seen.push(`${i} ${data}`))
    const timer = setInterval(() => socket.send(`${i} ${n++}`, 9, 'server'), 11)
    setTimeout(() => clearInterval(timer), 500)
  }
  await lab.sleep('2s')
  for (const socket of sockets) {
    socket.close()
  }
}

async function byHttp2(client, server, seen) {
  const web = http2.createServer()
  web.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200, path: headers[':path'] })
    stream.end(Buffer.alloc(5000, '2'))
  })
  await server.listen(web, 8080)
  const socket = client.createConnection(8080, 'server')
  const session = http2.connect('http://server', { createConnection: () => socket })
  session.on('error', () => {})
  const get = async i => {
    const stream = session.request({ ':path': `/${i}` })
    const [headers] = await once(stream, 'response')
    seen.push(`http2 ${headers.path} ${headers.date} ${(await text(stream)).length}`)
  }
  await Promise.all([0, 1, 2, 3].map(get))
  session.close()
}

/** The seeds of this program or thread; none if another module imports it. */
const isProgram = process.argv[1] === import.meta.filename
const seeds =
  workerData?.seeds ?? (isMainThread && isProgram ? process.argv.slice(2).map(Number) : [])
for (const seed of seeds) {
  const sum = await sumOf(seed)
  if (isMainThread) {
    console.log(sum)
  } else {
    parentPort?.postMessage(sum)
  }
}
