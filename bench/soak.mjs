/**
 * `npm run bench:soak`: an hour of steady traffic through a snull with a wire, a lan and an
 * attachment, beside a ring capture, the live page with a viewer and a scrape of the metrics each
 * second. It fails if a process has grown, a descriptor is left open, or a frame is not accounted
 * for. Needs root. Runs in namespaces of its own, which end with it.
 */
import { createSocket } from 'node:dgram'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isolated } from './isolated.mjs'
import { UsageError } from './options.mjs'
import { Processes, run } from './processes.mjs'
import { growth } from './soak-growth.mjs'
import { look } from './viewer.mjs'

const HELP = `usage: npm run bench:soak -- [--minutes N]

  --minutes  1 to 10000 (60); at 60, minutes 15 to 20 are compared with the last 5
`
const VNET = fileURLToPath(new URL('../dist/vnet.js', import.meta.url))
const HEAP = new URL('heap-on-signal.mjs', import.meta.url).href
/** Seconds that a vnet may take until it is ready. */
const START = 30
/** Samples of a run. */
const SAMPLES = 360
/** Datagrams a second to each of the three. */
const RATE = 350
const ECHO = 7
const SINK = 9000
const PAGE = 8080
const METRICS = 9100

/** One socket sends to the three. The kernel at the end of attach has no such port. */
const TARGETS = [
  { address: '198.18.0.2', port: SINK },
  { address: '198.18.4.1', port: ECHO },
  { address: '198.18.8.2', port: SINK },
]

function optionsOf(args) {
  const options = { minutes: { type: 'string', default: '60' }, help: { type: 'boolean', default: false } }
  let values
  try {
    values = parseArgs({ args, options }).values
  } catch (error) {
    throw new UsageError(error.message.split(/[.\n]/)[0])
  }
  const { minutes, help } = values
  if (!(minutes >= 1 && minutes <= 10_000)) throw new UsageError(`--minutes ${minutes}: 1 to 10000`)
  return { seconds: 60 * Number(minutes), help }
}

const residentMiB = pid => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
const descriptors = pid => readdirSync(`/proc/${pid}/fd`).length

/** Makes the veth pair for `attach`. Its other end is in a namespace of its own. */
async function startFar(processes) {
  const far = processes.start(['unshare', '--net', 'sh', '-c', 'echo $$; exec sleep infinity'])
  await far.printed(/^\d+$/m, START)
  const within = (...argv) => run('nsenter', '-t', String(far.pid), '-n', ...argv)
  run('ip', 'link', 'add', 'soak0', 'type', 'veth', 'peer', 'name', 'soak1', 'netns', String(far.pid))
  run('ip', 'addr', 'add', '198.18.8.1/24', 'dev', 'soak0')
  run('ip', 'link', 'set', 'soak0', 'up')
  within('ip', 'addr', 'add', '198.18.8.2/24', 'dev', 'soak1')
  within('ip', 'link', 'set', 'soak1', 'up')
}

/** Starts every process under test. Returns the processes to measure, by name. */
async function startAll(processes, directory) {
  run('ip', 'link', 'set', 'lo', 'up')
  await startFar(processes)
  const start = (...argv) => processes.start([process.execPath, '--expose-gc', '--import', HEAP, VNET, ...argv])
  // No reply of ARP is lost: datagrams that wait for one are dropped without a count of the socket.
  const wire = ['--wire', "match 'udp' ( loss 1% ) delay 20ms", '--seed', '7']
  const vnets = {
    snull: start('snull', ...wire),
    lan: start('lan', '--network', '198.18.4.0/24', '--address', '198.18.4.100/24'),
    attach: start('attach', 'soak0', ...wire),
  }
  for (const vnet of Object.values(vnets)) await vnet.printed(/^ready$/m, START)
  const readers = {
    web: start('web', String(PAGE)),
    metrics: start('metrics', String(METRICS)),
    capture: start('capture', '--ring', '3x20MB', 'sn0', 'sn1', path.join(directory, 'soak.pcapng')),
  }
  await readers.web.printed(/http:\S+/, START)
  await readers.metrics.printed(/http:\S+/, START)
  return { ...vnets, ...readers }
}

/** Sends to all targets evenly, until it is stopped. `stop` returns the number sent to each. */
async function startTraffic() {
  const sink = createSocket('udp4')
  const socket = createSocket('udp4')
  const seen = { sink: 0, echo: 0 }
  sink.on('message', () => seen.sink++)
  socket.on('message', () => seen.echo++)
  await new Promise(done => sink.bind(SINK, done))
  await new Promise(done => socket.bind(0, done))
  const payload = Buffer.alloc(200)
  // The neighbours are known before a queue for them can be too long.
  for (const { address } of TARGETS) run('ping', '-c', '1', '-w', '10', address)
  const droppedBefore = queuesDropped()
  const start = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - start) / 1000) * RATE)
    for (; sent < due; sent++) for (const { address, port } of TARGETS) socket.send(payload, port, address)
  }, 10)
  // A failure ends the run.
  for (const each of [timer, sink, socket]) each.unref()
  return { stop: () => clearInterval(timer), seen, sent: () => sent, queues: () => queuesDropped() - droppedBefore }
}

/** Scrapes the metrics each second, and returns the number of scrapes and of failures. */
function startScrapes() {
  const counts = { scrapes: 0, failed: 0 }
  const timer = setInterval(async () => {
    counts.scrapes += 1
    const response = await fetch(`http://127.0.0.1:${METRICS}/metrics`).catch(() => undefined)
    const text = await response?.text().catch(() => undefined)
    if (text?.includes('vnet_') !== true) counts.failed += 1
  }, 1000).unref()
  return { counts, stop: () => clearInterval(timer) }
}

/** Returns the heap of a process after a collection, in MiB. */
async function heapMiB(child, n) {
  child.kill('SIGUSR2')
  const pattern = new RegExp(`^heap ${n}: (\\d+)$`, 'm')
  await child.printed(pattern, START)
  return Number(pattern.exec(child.stdout)[1]) / 2 ** 20
}

async function heaps(children, n) {
  const found = {}
  for (const [name, child] of Object.entries(children)) found[name] = await heapMiB(child, n)
  return found
}

/** Samples memory and descriptors until the end, and heaps after a third and at the end. */
async function sample(children, seconds) {
  const samples = []
  let heap
  const start = performance.now()
  for (let at = 0; at < seconds; at = (performance.now() - start) / 1000) {
    const row = { at }
    for (const [name, child] of Object.entries(children)) {
      if (child.ended) throw new Error(`${name} has ended after ${at.toFixed(0)} s`)
      row[name] = { rss: residentMiB(child.pid), fds: descriptors(child.pid) }
    }
    samples.push(row)
    if (at >= seconds / 3) heap ??= await heaps(children, 1)
    await sleep((seconds / SAMPLES) * 1000)
  }
  return { samples, heaps: [heap, await heaps(children, 2)] }
}

const vnetJson = (...argv) =>
  run(process.execPath, VNET, ...argv, '--json')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

/**
 * Returns the frames that a wire has not accounted for: the number in, less the numbers out,
 * dropped and held.
 */
function unaccounted(name) {
  return vnetJson('wire', name).map(stage => ({
    name: `${name} ${stage.direction} ${stage.text}`,
    in: stage.in,
    missing: stage.in + stage.duplicated - stage.out - stage.dropped - stage.held,
  }))
}

/** Returns where the counters of vnet and of the kernel differ, of interfaces that vnet made. */
function kernelDifferences(name) {
  const [{ interfaces }] = vnetJson('stats', name)
  const [{ total, kernel }] = interfaces
  const keys = ['rxPackets', 'txPackets', 'rxBytes', 'txBytes']
  return keys.filter(key => total[key] !== kernel[key]).map(key => `${name} ${key} ${total[key]} ${kernel[key]}`)
}

/** Prints one row a process. Returns the problems found. */
function compare(names, sampled, seconds) {
  console.log('\n| process | RSS MiB, early | late | heap MiB, early | late | descriptors, early | late |')
  console.log('|---|---|---|---|---|---|---|')
  return names.flatMap(name => {
    const { cells, problems } = growth(name, sampled, seconds)
    console.log(`| ${[name, ...cells].join(' | ')} |`)
    return problems
  })
}

/** The frames of snull and lan that a full queue has dropped, as the kernel counts them. */
function queuesDropped() {
  const statsOf = name => JSON.parse(run('ip', '-j', '-s', 'link', 'show', name))[0].stats64
  // After a pause of this process the lan replies to a burst, longer than netdev_max_backlog.
  return ['sn0', 'eth0'].map(statsOf).reduce((sum, { tx, rx }) => sum + tx.dropped + rx.dropped, 0)
}

/** Datagrams for sockets of this namespace that a full buffer has lost. */
function receiveBufferErrors() {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('Udp:'))
    .map(line => line.split(' '))
  return Number(values[names.indexOf('RcvbufErrors')])
}

/** Returns the problems of the counters, and prints them. */
function account({ seen, sent, queues }, { scrapes, failed }) {
  const stages = ['sn0', 'soak0'].flatMap(unaccounted)
  for (const { name, in: arrived, missing } of stages) console.log(`${name}: ${arrived} in, ${missing} missing`)
  const lost = vnetJson('wire', 'sn0').reduce((sum, { dropped }) => sum + dropped, 0)
  const [full, buffers] = [queues(), receiveBufferErrors()]
  const missing = 2 * sent() - seen.sink - seen.echo - lost - full - buffers
  console.log(`datagrams: ${sent()} sent to each, snull delivered ${seen.sink}, the lan returned ${seen.echo}`)
  console.log(`  ${lost} lost by the wire, ${full} in full queues, ${buffers} in full buffers, ${missing} missing`)
  console.log(`metrics: ${scrapes} scrapes, ${failed} failed`)
  if (missing !== 0) console.log(run('nstat', '-a'))
  return [
    ...stages.filter(({ missing }) => missing !== 0).map(({ name, missing }) => `${name}: ${missing} frames missing`),
    ...['sn0', 'sn1'].flatMap(kernelDifferences),
    ...(missing === 0 ? [] : [`${missing} datagrams missing`]),
    ...(failed === 0 ? [] : [`${failed} scrapes failed`]),
  ]
}

async function soak({ seconds }) {
  const processes = new Processes()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'vnet-soak-'))
  try {
    const children = await startAll(processes, directory)
    const traffic = await startTraffic()
    const scrapes = startScrapes()
    const endLook = await look(PAGE)
    const sampled = await sample(children, seconds)
    await endLook()
    scrapes.stop()
    traffic.stop()
    // The wires hold frames for 20 ms: all frames in flight arrive.
    await sleep(2000)
    const problems = compare(Object.keys(children), sampled, seconds)
    problems.push(...account(traffic, scrapes.counts))
    for (const problem of problems) console.log(`FAILED ${problem}`)
    console.log(problems.length === 0 ? 'ok' : `${problems.length} problems`)
    process.exitCode = problems.length === 0 ? 0 : 1
  } finally {
    processes.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

await isolated('bench:soak', HELP, optionsOf, soak)
