/**
 * `npm run bench:points`: points a second of explore in the kernel, for UDP, HTTP and a program.
 * Each has a new process for each run, and then `reuse`. Needs root. `-- --only http` takes one.
 * Fails if HTTP with `reuse` has less than five points a second, the target on two cores.
 * The scenarios are the default export, which the processes of the runs load.
 */
import { once } from 'node:events'
import http from 'node:http'
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { explore } from '../packages/lab/dist/index.js'
import { oneOf, readOptions, text } from '../scripts/options.mjs'
import { cpuOfChildren } from './cpu.mjs'

const PORT = 8080
const REQUESTS = 3
/** Milliseconds after which a client repeats a request. */
const REPEAT = 200
const ATTEMPTS = 5
/** Milliseconds for the last processes of an exploration to end. */
const END = 500

/** The least points a second with `reuse`. */
const TARGETS = { http: 5 }

const SCENARIOS = { udp, http: web, program }

/** Sends three requests, each again until its reply arrives. */
async function udp(client, server) {
  const replying = await server.createSocket('udp4', PORT)
  replying.on('message', (message, { port, address }) => replying.send(message, port, address))
  const asking = await client.createSocket('udp4')
  const replies = new Set()
  for (let request = 1; request <= REQUESTS; request++) {
    const replied = new Promise(resolve => {
      asking.on(
        'message',
        message => replies.add(String(message)) && replies.has(`${request}`) && resolve(),
      )
    })
    const ask = () => asking.send(`${request}`, PORT, 'server')
    const timer = setInterval(ask, REPEAT)
    ask()
    await replied
    clearInterval(timer)
  }
}

async function web(client, server) {
  await server.listen(
    http.createServer((_, response) => response.end('hello')),
    PORT,
  )
  await fetchHello(client)
}

/** The server is a program of its host. */
async function program(client, server) {
  const code = `require('http').createServer((_, response) => response.end('hello'))
    .listen(${PORT}, () => console.log('ready'))`
  const running = server.spawn(process.execPath, ['-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(running.stdout, 'data')
  await fetchHello(client)
}

async function fetchHello(client) {
  for (let attempt = 1; ; attempt++) {
    try {
      const signal = AbortSignal.timeout(attempt * REPEAT)
      const response = await client.fetch(`http://server:${PORT}/`, { signal })
      if ((await response.text()) === 'hello') return
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}

// biome-ignore lint/style/noDefaultExport: explore takes the default export.
export default async function scenario({ lab }) {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await SCENARIOS[new URL(import.meta.url).search.slice(1)](client, server)
}

async function measure(name, reuse) {
  const before = cpuOfChildren()
  const report = await explore(new URL(`?${name}`, import.meta.url), {
    world: 'kernel',
    captures: false,
    reuse,
  })
  await sleep(END)
  if (!report.passed) throw new Error(String(report))
  const { pointsPerSecond, runs, points, ms } = report.toJSON()
  const cpu = (1000 * (cpuOfChildren() - before)) / runs
  const speed = `${pointsPerSecond.toFixed(1)} points/s: ${points.length} points, ${runs} runs`
  const how = `${name}${reuse ? ', reuse' : ''}`.padEnd(16)
  const isMissed = reuse && pointsPerSecond < TARGETS[name]
  if (isMissed) {
    process.exitCode = 1
  }
  const target = isMissed
    ? `; missed: at least ${TARGETS[name]} points/s (load ${loadavg()[0].toFixed(1)})`
    : ''
  console.log(
    `${how}${speed} in ${(ms / 1000).toFixed(1)} s, ${cpu.toFixed(0)} ms of CPU time each${target}`,
  )
}

// The processes of the runs load the scenarios only.
if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { only } = readOptions({ only: text }).values
  const all = Object.keys(SCENARIOS)
  for (const name of only === undefined ? all : [oneOf('only', only, all)]) {
    for (const reuse of [false, true]) {
      await measure(name, reuse)
    }
  }
}
