// `vnet toxiproxy` beside socat, and its toxics: node bench/toxiproxy.mjs [ORIGINAL]
// ORIGINAL is the path of a toxiproxy-server, which is then measured, too.
// Throughput in Gbit/s through one proxy, median of rounds in turns; added latency and rate against
// what the toxic asks for, with packets and in user space.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readOptions } from '../scripts/options.mjs'

const PROGRAM = fileURLToPath(new URL('../dist/vnet.js', import.meta.url))
const ROUNDS = 5
const BYTES = 2 ** 29
const SAMPLES = 60

/** A server in a process of its own: it echoes, or counts bytes, or sends them. */
const SERVER = `
const net = require('node:net')
const block = Buffer.alloc(1 << 16)
const server = net.createServer(socket => {
  socket.on('error', () => {})
  socket.setNoDelay(true)
  socket.once('data', first => {
    const kind = String(first.subarray(0, 1))
    if (kind === 'e') { socket.write(first); socket.pipe(socket) }
    else if (kind === 'd') { let n = first.length; socket.on('data', bytes => { n += bytes.length; if (n >= ${BYTES}) socket.end('done') }) }
    else { const send = () => { while (socket.writable && socket.write(block)); }; socket.on('drain', send); send() }
  })
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`

const [program] = readOptions({}, 1).positionals
const started = []
process.on('exit', () => {
  for (const child of started) {
    child.kill()
  }
})

async function lineOf(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return { child, line }
}

const median = values => [...values].sort((a, b) => a - b)[values.length >> 1]

async function connect(port) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

/** Gbit/s from here to the server. */
async function throughput(port) {
  const socket = await connect(port)
  const block = Buffer.alloc(1 << 18, 'd')
  const start = performance.now()
  let sent = 0
  const send = () => {
    while (sent < BYTES) {
      sent += block.length
      if (!socket.write(block)) return
    }
  }
  socket.on('drain', send)
  send()
  await once(socket, 'data')
  const seconds = (performance.now() - start) / 1000
  socket.destroy()
  return (8 * BYTES) / seconds / 1e9
}

/** Round trips of 5 bytes in ms, after the first. */
async function roundTrips(port, count = SAMPLES) {
  const socket = await connect(port)
  const times = []
  for (let i = 0; i <= count; i++) {
    const start = performance.now()
    socket.write('echo!')
    await once(socket, 'data')
    if (i > 0) {
      times.push(performance.now() - start)
    }
  }
  socket.destroy()
  return times
}

/** Bytes a ms that arrive, after half a second in which TCP starts. */
async function arriving(port, seconds) {
  const socket = await connect(port)
  socket.write('s')
  const start = performance.now()
  let bytes = 0
  let first = start
  let last = start
  let before = 0
  socket.on('data', chunk => {
    last = performance.now()
    bytes += chunk.length
    if (last - start < 500) {
      first = last
      before = bytes
    }
  })
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  socket.destroy()
  return (bytes - before) / (last - first)
}

const { line: serverPort } = await lineOf(process.execPath, ['-e', SERVER])

async function proxyAt(url) {
  const call = async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(text)
    return text === '' ? undefined : JSON.parse(text)
  }
  const fields = { name: 'p', listen: '127.0.0.1:0', upstream: `127.0.0.1:${serverPort}` }
  const { listen } = await call('POST', '/proxies', fields)
  const toxic = (type, attributes) => call('POST', '/proxies/p/toxics', { type, attributes })
  return { port: Number(listen.split(':')[1]), toxic, reset: () => call('POST', '/reset') }
}

async function proxyOf(...options) {
  const { line } = await lineOf(process.execPath, [PROGRAM, 'toxiproxy', '--port', '0', ...options])
  return proxyAt(/http:[^,]+/.exec(line)[0])
}

async function originalOf(program) {
  const port = 30_000 + (process.pid % 2000)
  started.push(
    spawn(program, ['-port', `${port}`], { stdio: 'ignore', env: { LOG_LEVEL: 'error' } }),
  )
  await new Promise(resolve => setTimeout(resolve, 500))
  return proxyAt(`http://127.0.0.1:${port}`)
}

const packets = await proxyOf()
const streams = await proxyOf('--no-packets')
const original = program && (await originalOf(program))
const proxies = { packets, streams, ...(original && { original }) }
const socatPort = 20_000 + (process.pid % 10_000)
started.push(
  spawn('socat', [
    '-b',
    '65536',
    `TCP-LISTEN:${socatPort},bind=127.0.0.1,fork,reuseaddr,nodelay`,
    `TCP:127.0.0.1:${serverPort},nodelay`,
  ]),
)
await new Promise(resolve => setTimeout(resolve, 500))

const ports = Object.entries(proxies).map(([name, { port }]) => [name, port])
const ways = { direct: Number(serverPort), socat: socatPort, ...Object.fromEntries(ports) }
const rates = Object.fromEntries(Object.keys(ways).map(name => [name, []]))
for (let i = 0; i < ROUNDS; i++) {
  for (const [name, port] of Object.entries(ways)) {
    rates[name].push(await throughput(port))
  }
}
console.log(
  'Gbit/s',
  Object.entries(rates)
    .map(
      ([name, all]) =>
        `${name} ${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)})`,
    )
    .join(', '),
)
for (const [name, port] of Object.entries(ways)) {
  console.log(`round trip ${name}: median ${median(await roundTrips(port)).toFixed(2)} ms`)
}
for (const [name, { port, toxic, reset }] of Object.entries(proxies)) {
  for (const latency of [5, 50, 200]) {
    const base = median(await roundTrips(port, 20))
    await toxic('latency', { latency })
    const added = (await roundTrips(port, latency > 100 ? 20 : SAMPLES)).map(time => time - base)
    console.log(
      `${name} latency ${latency}: median ${median(added).toFixed(2)}, ${Math.min(...added).toFixed(2)} to ${Math.max(...added).toFixed(2)} ms`,
    )
    await reset()
  }
  for (const rate of [50, 1000, 20_000]) {
    await toxic('bandwidth', { rate })
    const got = await arriving(port, 6)
    console.log(
      `${name} bandwidth ${rate}: ${got.toFixed(1)} KB/s, ${((100 * got) / rate - 100).toFixed(2)} %`,
    )
    await reset()
  }
}
process.exit()
