/**
 * `npm run bench:growth`: CPU time against size, and the exponent of its growth. Needs root.
 * `-- --only TEXT` takes rows with it in their title, `--rounds N` the least of so many samples
 * (2 by default), and `--publish` writes the table into docs/records/performance-time.md. Each
 * sample has a process of its own.
 */
import { once } from 'node:events'
import { cpus } from 'node:os'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { createLab, explore } from '../packages/lab/dist/index.js'
import { flag, readOptions, refuse, text, whole } from '../scripts/options.mjs'
import { daemon } from './candidates.mjs'
import { countCpu, cpuOf } from './cpu.mjs'
import { openTable } from './document.mjs'
import { rowOf } from './exponent.mjs'
import { inFlight } from './memory/deliveries.mjs'
import { request } from './node.mjs'
import { Processes, run } from './processes.mjs'
import { look } from './viewer.mjs'

/** Milliseconds after which a sample is not repeated. */
const LONG = 10_000
/** Seconds for a program to start, and during which viewers look. */
const START = 60
const LOOKING = 4
const PORT = 8097
/** Seconds that a sample may take. */
const SAMPLE = 1800
const DOCUMENT = fileURLToPath(new URL('../docs/records/performance-time.md', import.meta.url))
/** The packets of a scenario with many faults. */
const PACKETS = 10

const powers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i))

/** `cost` resolves with the CPU time in ms of the process, or of the programs that it starts. */
const ROWS = [
  {
    title: 'hosts joined to a router one after another, in memory',
    sizes: powers(1, 3),
    cost: n => hosts('memory', n),
  },
  {
    title: 'hosts joined to a router one after another, in the kernel',
    sizes: powers(1, 3),
    cost: n => hosts('kernel', n),
  },
  {
    title: 'wires between two hosts, in memory',
    sizes: powers(0, 2),
    cost: n => wires('memory', n),
  },
  {
    title: 'wires between two hosts, in the kernel',
    sizes: powers(0, 2),
    cost: n => wires('kernel', n),
  },
  { title: 'packets held in a delay, all at once', sizes: powers(3, 5), cost: held },
  { title: 'attachments of a `vnet node`, at its restart', sizes: [1, 7, 50], cost: attachments },
  { title: `viewers of the live page, for ${LOOKING} s`, sizes: [1, 4, 16], cost: viewers },
  {
    title: `points of explore, in memory: faults of ${PACKETS} packets`,
    sizes: powers(2, 4),
    cost: n => points(n / PACKETS, PACKETS),
  },
  {
    title: 'points of explore, in memory: packets, none of them tried',
    sizes: powers(2, 4),
    cost: n => points(1, n, '1ms'),
  },
]

/** Returns the ms of CPU time of this process since the call, with the threads of its labs. */
function ownCpu() {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
}

/** Makes a lab and closes it. */
async function labCost(world, make) {
  const used = ownCpu()
  const lab = await createLab({ world })
  await make(lab)
  await lab.close()
  return used()
}

const hosts = (world, n) =>
  labCost(world, async lab => {
    const router = await lab.router('router')
    const names = Array.from({ length: n }, (_, i) => `h${i}`)
    for (const [i, host] of lab.hosts(...names).entries()) {
      // A lab has addresses of its own for 511 links only.
      const addresses = [1, 2].map(end => [`198.18.${i >> 6}.${(i & 63) * 4 + end}/30`])
      await lab.cable(host, router, { addresses })
    }
  })

const wires = (world, n) =>
  labCost(world, async lab => {
    const [a, b] = lab.hosts('a', 'b')
    for (let i = 0; i < n; i++) {
      await lab.cable(a, b, { wire: 'delay 20ms loss 1%' })
    }
  })

async function held(n) {
  const send = await inFlight('delay 10s limit 200000', n)
  const used = ownCpu()
  send()
  return used()
}

async function attachments(n) {
  const processes = new Processes()
  const [ns, socket] = [`bkg${process.pid}`, `/var/tmp/bkg${process.pid}.sock`]
  const names = Array.from({ length: n }, (_, i) => `at${i}`)
  run('ip', 'netns', 'add', ns)
  try {
    for (const name of names) {
      run('ip', '-n', ns, 'link', 'add', name, 'up', 'type', 'veth', 'peer', 'name', `${name}p`)
    }
    const started = async () => {
      const node = processes.start(daemon(ns, socket))
      await node.printed(/^ready$/m, START)
      return node
    }
    const first = await started()
    await request(socket, 'attach', names)
    await first.stop()
    const second = await started()
    const ms = 1000 * cpuOf(second.pid)
    await request(socket, 'detach', names)
    await second.stop()
    return ms
  } finally {
    processes.close()
    run('ip', 'netns', 'del', ns)
  }
}

async function viewers(n) {
  const processes = new Processes()
  const program = words => [
    process.execPath,
    fileURLToPath(new URL('../dist/vnet.js', import.meta.url)),
    ...words,
  ]
  const ns = `bkg${process.pid}`
  run('ip', 'netns', 'add', ns)
  try {
    const cable = processes.start(program(['cable', `${ns}/bkA0`, `${ns}/bkB0`]))
    await cable.printed(/^ready$/m, START)
    const page = processes.start(program(['web', `${PORT}`]))
    await page.printed(/token/, START)
    const leave = []
    for (let i = 0; i < n; i++) {
      leave.push(await look(PORT))
    }
    const used = countCpu(page.pid)
    await new Promise(resolve => setTimeout(resolve, 1000 * LOOKING))
    const ms = used().candidate * 1000
    for (const each of leave) {
      await each()
    }
    await page.stop()
    await cable.stop()
    return ms
  } finally {
    processes.close()
    run('ip', 'netns', 'del', ns)
  }
}

/** Sends as many datagrams as the search of its URL says. The other end needs none of them. */
// biome-ignore lint/style/noDefaultExport: explore takes the default export.
export default async function scenario({ lab }) {
  const packets = Number(new URL(import.meta.url).search.slice(1))
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const socket = await server.createSocket('udp4', 9)
  const first = once(socket, 'message')
  const sending = await client.createSocket('udp4')
  for (let i = 1; i <= packets; i++) {
    sending.send('packet', 9, 'server')
    // A socket holds a few hundred.
    if (i % 64 === 0) {
      await lab.sleep(1)
    }
  }
  await first
}

/** Explores so many packets with so many faults each, as far as a budget allows. */
async function points(faults, packets, budget) {
  const used = ownCpu()
  const kinds = Array.from({ length: faults }, (_, i) => `delay ${i + 1}ms`)
  const report = await explore(new URL(`?${packets}`, import.meta.url), {
    world: 'memory',
    captures: false,
    faults: kinds,
    budget,
  })
  if (report.toJSON().points.length !== faults * packets) throw new Error(String(report))
  return used()
}

/** Runs a sample in a process of its own. */
async function sampled(title, size) {
  const processes = new Processes()
  const argv = [
    process.execPath,
    fileURLToPath(import.meta.url),
    '--sample',
    title,
    '--size',
    `${size}`,
  ]
  return Number(await processes.start(argv).output(SAMPLE))
}

async function measured({ title, sizes }, rounds) {
  const costs = []
  for (const size of sizes) {
    let least = await sampled(title, size)
    for (let i = 1; i < rounds && least < LONG; i++) {
      least = Math.min(least, await sampled(title, size))
    }
    costs.push(least)
  }
  return rowOf(title, sizes, costs)
}

async function main() {
  const options = {
    only: text,
    rounds: whole(2, 1, 100),
    publish: flag,
    sample: text,
    size: whole(1, 1, 1e9),
  }
  const { only = '', rounds, publish, sample, size } = readOptions(options).values
  const rows = ROWS.filter(({ title }) => title.includes(only))
  if (rows.length === 0) {
    refuse(`--only ${only}: matches no row, such as ${ROWS[0].title}`)
  }
  if (sample !== undefined) {
    console.log(await ROWS.find(({ title }) => title === sample).cost(size))
    return
  }
  const document = publish ? openTable(DOCUMENT, 'growth') : undefined
  const date = new Date().toISOString().slice(0, 10)
  const lines = [
    `| work (${date}, ${cpus()[0].model}, Node ${process.version.slice(1)}) | size: CPU ms | exponent | last step | |`,
    '|---|---|---|---|---|',
  ]
  for (const line of lines) {
    console.log(line)
  }
  for (const row of rows) {
    const line = await measured(row, rounds)
    console.log(line)
    lines.push(line)
  }
  document?.write(lines.join('\n'))
}

// The threads of explore load the scenario only.
if (isMainThread && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main()
}
