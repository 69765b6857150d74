/**
 * Visitors that come and go during a soak: labs, viewers of the live page, and clients of `vnet
 * toxiproxy`, by TCP and by UDP.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect, createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { look } from './viewer.mjs'

/** Seconds between the starts of two labs, and of two clients. */
const EACH_LAB = 30
const EACH_CLIENT = 1
/** Seconds that a lab may take. */
const LAB = 60
/** Milliseconds for an echo, which TCP may have to repeat. */
const ECHO = 30_000
const PINGS = 5
const BYTES = 2000
const UPSTREAM = 7000
const PROXIES = { tcp: 7001, udp: 7002 }

const LAB_FILE = `hosts: [client, server]
cables:
  link: { ends: [client, server], wire: delay 1ms }
`

/** Makes a request on a connection of its own, and returns the text of the reply. */
export async function request(url, { method = 'GET', body } = {}) {
  const response = await new Promise((resolve, reject) => {
    httpRequest(url, { method, agent: false }, resolve).on('error', reject).end(body)
  })
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
  }
  if (response.statusCode >= 300) throw new Error(`${url}: ${response.statusCode} ${text}`)
  return text
}

/** Makes an echo server, and a lossy proxy of each network in front of it. */
export async function startProxies(api) {
  const echo = createServer(socket => socket.on('error', () => {}).pipe(socket)).unref()
  await new Promise(done => echo.listen(UPSTREAM, '127.0.0.1', done))
  const datagrams = createSocket('udp4').unref()
  datagrams.on('message', (bytes, { port, address }) => datagrams.send(bytes, port, address))
  await new Promise(done => datagrams.bind(UPSTREAM, '127.0.0.1', done))
  const post = (where, body) =>
    request(`${api}${where}`, { method: 'POST', body: JSON.stringify(body) })
  for (const [network, port] of Object.entries(PROXIES)) {
    await post('/proxies', {
      name: network,
      network,
      listen: `127.0.0.1:${port}`,
      upstream: `127.0.0.1:${UPSTREAM}`,
    })
    await post(`/proxies/${network}/toxics`, { type: 'latency', attributes: { latency: 20 } })
  }
  await post('/proxies/tcp/toxics', { type: 'packet_loss', attributes: { percent: 1 } })
}

/** One client by TCP: it sends, reads all of it, and ends. Throws if something is missing. */
async function echoStream() {
  const socket = connect({
    port: PROXIES.tcp,
    host: '127.0.0.1',
    signal: AbortSignal.timeout(ECHO),
  })
  socket.end(Buffer.alloc(BYTES, 'x'))
  let bytes = 0
  for await (const chunk of socket) {
    bytes += chunk.length
  }
  if (bytes !== BYTES) throw new Error(`${bytes} of ${BYTES} bytes`)
}

/** One client by UDP, with a port of its own and so a session of its own. */
async function echoDatagram() {
  const socket = createSocket('udp4')
  try {
    socket.send('x', PROXIES.udp, '127.0.0.1')
    await once(socket, 'message', { signal: AbortSignal.timeout(ECHO) })
  } finally {
    socket.close()
  }
}

/** Visits the page and the proxies, and runs labs, until it is stopped. */
export class Visitors {
  counts = { labs: 0, viewers: 0, streams: 0, datagrams: 0 }
  problems = []
  #processes
  #file
  #argv
  #page
  #stop = new AbortController()
  #loops = []

  /** `argv` starts a vnet; files are written to `directory`; `page` is the port of the page. */
  constructor({ processes, argv, directory, page }) {
    this.#processes = processes
    this.#argv = argv
    this.#page = page
    this.#file = path.join(directory, 'lab.yaml')
    writeFileSync(this.#file, LAB_FILE)
  }

  /** One lab and one client to their end, so that the processes have what they open once. */
  async first() {
    await this.#visit('labs', () => this.#lab())
    // Not by UDP: its session remains for a minute.
    await this.#visit('streams', echoStream)
  }

  start() {
    this.#loops = [
      this.#repeat(EACH_LAB, () => this.#visit('labs', () => this.#lab())),
      this.#repeat(EACH_CLIENT, () => this.#visit('streams', echoStream)),
      this.#repeat(EACH_CLIENT, () => this.#visit('datagrams', echoDatagram)),
    ]
  }

  /** Settles when the last visit has ended. */
  async stop() {
    this.#stop.abort()
    await Promise.all(this.#loops)
  }

  /** A lab and, while it runs, another viewer. */
  async #lab() {
    // With a deadline ping waits for late replies, too.
    const command = ['ping', '-n', '-c', String(PINGS), '-w', String(LAB), '-i', '0.2', 'server']
    const lab = this.#processes.start([...this.#argv, 'lab', this.#file, '--', ...command])
    await lab.printed(/ttl=/, LAB)
    const end = await look(this.#page)
    this.counts.viewers += 1
    const output = await lab.output(LAB)
    await end()
    const [summary, received] = /^.* (\d+) received.*$/m.exec(output) ?? [output]
    if (!(received >= PINGS)) throw new Error(`no replies in a lab: ${summary}`)
  }

  async #visit(name, fn) {
    this.counts[name] += 1
    await fn().catch(error => this.problems.push(`${name} ${this.counts[name]}: ${error.message}`))
  }

  async #repeat(seconds, fn) {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const next = performance.now() + seconds * 1000
      await fn()
      await sleep(Math.max(0, next - performance.now()), undefined, { signal }).catch(() => {})
    }
  }
}
