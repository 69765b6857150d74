/**
 * `npm run bench:soak`: an hour of steady traffic through a snull with a wire, a lan and an
 * attachment, beside a ring capture, the live page with a viewer, a scrape of the metrics each
 * second, and `vnet toxiproxy`, while labs, viewers and clients come and go. It fails if a process
 * has grown, a descriptor or a network namespace is left open, or a frame is not accounted for.
 * Needs root. Runs in namespaces of its own, which end with it, and sees no vnet of the machine.
 */
import { createSocket } from 'node:dgram'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { isolated } from './isolated.mjs'
import { UsageError } from './options.mjs'
import { Processes, run } from './processes.mjs'
import { growth } from './soak-growth.mjs'
import { request, startProxies, Visitors } from './soak-visitors.mjs'
import { look } from './viewer.mjs'

const HELP = `usage: npm run bench:soak -- [--minutes N]

  --minutes  1 to 10000 (60); at 60, minutes 15 to 20 are compared with the last 5, and
             the same shares of another time
`
const VNET = fileURLToPath(new URL('../dist/vnet.js', import.meta.url))
/** A small young generation: its size, which follows the load, would hide a growth of 8 MiB. */
const NODE_ARGS = ['--expose-gc', '--max-semi-space-size=1']
const HEAP = new URL('heap-on-signal.mjs', import.meta.url).href
/** Seconds that a vnet may take until it is ready. */
const START = 30
/** Samples of a run. */
const SAMPLES = 360
/** Datagrams a second to each of the three: few, for a machine that does other work, too. */
const RATE = 200
/** Clock ticks a second in /proc/PID/stat (USER_HZ). */
const TICKS = 100
/** A load beyond which memory says less: collections are late. */
const LOAD_MAX = 3
const ECHO = 7
const RUN = '/run/vnet'
const SINK = 9000
const PAGE = 8080
const METRICS = 9100
const TOXIPROXY = 8474
/** Seconds in which all that visitors have opened is closed: a UDP session ends after 60 s. */
const CLOSING = 120

/** One socket sends to the three. The kernel at the end of attach has no such port. */
const TARGETS = [
  { address: '198.18.0.2', port: SINK },
  { address: '198.18.4.1', port: ECHO },
  { address: '198.18.8.2', port: SINK },
]

function optionsOf(args) {
  const options = {
    minutes: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  }
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

const residentMiB = pid =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024

/** Returns the number of descriptors, and of network namespaces among them. */
function opened(pid) {
  const files = readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      // It was closed meanwhile.
      return []
    }
  })
  return { fds: files.length, netns: files.filter(file => file.startsWith('net:[')).length }
}

function allOpened(pids) {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, opened(pid)]))
}

/** Waits until the processes have open what they had `before`, and returns what they have. */
async function openedAtEnd(pids, before) {
  const start = performance.now()
  for (;;) {
    const now = allOpened(pids)
    if (isDeepStrictEqual(now, before) || performance.now() - start > CLOSING * 1000) return now
    await sleep(1000)
  }
}

/** Waits until the number of open files has been the same for a while. Returns it. */
async function openedAtRest(pids) {
  let now = allOpened(pids)
  for (let same = 0, i = 0; same < 5 && i < CLOSING; i++) {
    await sleep(1000)
    const next = allOpened(pids)
    same = isDeepStrictEqual(now, next) ? same + 1 : 0
    now = next
  }
  return now
}

/** Makes the veth pair for `attach`. Its other end is in a namespace of its own. */
async function startFar(processes) {
  const far = processes.start(['unshare', '--net', 'sh', '-c', 'echo $$; exec sleep infinity'])
  await far.printed(/^\d+$/m, START)
  const within = (...argv) => run('nsenter', '-t', String(far.pid), '-n', ...argv)
  run(
    'ip',
    'link',
    'add',
    'soak0',
    'type',
    'veth',
    'peer',
    'name',
    'soak1',
    'netns',
    String(far.pid),
  )
  run('ip', 'addr', 'add', '198.18.8.1/24', 'dev', 'soak0')
  run('ip', 'link', 'set', 'soak0', 'up')
  within('ip', 'addr', 'add', '198.18.8.2/24', 'dev', 'soak1')
  within('ip', 'link', 'set', 'soak1', 'up')
}

/** Hides the vnets of the machine, which the page and the metrics would find. */
function hideOthers() {
  mkdirSync(RUN, { recursive: true })
  run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', RUN)
}

/** Starts every process under test. Returns the processes to measure, by name. */
async function startAll(processes, directory) {
  hideOthers()
  run('ip', 'link', 'set', 'lo', 'up')
  await startFar(processes)
  const start = (...argv) =>
    processes.start([process.execPath, ...NODE_ARGS, '--import', HEAP, VNET, ...argv])
  // No reply of ARP is lost: datagrams that wait for one are dropped without a count of the socket.
  const wire = ['--wire', "match 'udp' ( loss 1% ) delay 20ms", '--seed', '7']
  const vnets = {
    snull: start('snull', ...wire),
    lan: start('lan', '--network', '198.18.4.0/24', '--address', '198.18.4.100/24'),
    attach: start('attach', 'soak0', ...wire),
  }
  for (const vnet of Object.values(vnets)) {
    await vnet.printed(/^ready$/m, START)
  }
  const readers = {
    web: start('web', String(PAGE)),
    metrics: start('metrics', String(METRICS)),
    toxiproxy: start('toxiproxy', '--port', String(TOXIPROXY)),
    capture: start(
      'capture',
      '--ring',
      '3x20MB',
      'sn0',
      'sn1',
      path.join(directory, 'soak.pcapng'),
    ),
  }
  await readers.web.printed(/http:\S+/, START)
  await readers.metrics.printed(/http:\S+/, START)
  await readers.toxiproxy.printed(/^packets of/m, START)
  await startProxies(`http://127.0.0.1:${TOXIPROXY}`)
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
  for (const { address } of TARGETS) {
    run('ping', '-c', '1', '-w', '10', address)
  }
  const droppedBefore = queuesDropped()
  const start = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - start) / 1000) * RATE)
    for (; sent < due; sent++) {
      for (const { address, port } of TARGETS) {
        socket.send(payload, port, address)
      }
    }
  }, 10)
  // A failure ends the run.
  for (const each of [timer, sink, socket]) {
    each.unref()
  }
  return {
    stop: () => clearInterval(timer),
    seen,
    sent: () => sent,
    queues: () => queuesDropped() - droppedBefore,
  }
}

const scrape = () => request(`http://127.0.0.1:${METRICS}/metrics`)

/** Scrapes the metrics each second, and returns the number of scrapes, and the failures. */
function startScrapes() {
  const counts = { scrapes: 0, failed: [] }
  const timer = setInterval(async () => {
    counts.scrapes += 1
    const text = await scrape().catch(error => error.message)
    if (!text.includes('vnet_')) {
      counts.failed.push(text.slice(0, 200))
    }
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
  for (const [name, child] of Object.entries(children)) {
    found[name] = await heapMiB(child, n)
  }
  return found
}

/** Returns the process ids, also of the process in which `vnet toxiproxy` runs its lab. */
function pidsOf(children) {
  const pids = Object.fromEntries(Object.entries(children).map(([name, { pid }]) => [name, pid]))
  const [lab] = readFileSync(
    `/proc/${pids.toxiproxy}/task/${pids.toxiproxy}/children`,
    'utf8',
  ).split(' ')
  return { ...pids, 'toxiproxy, its lab': Number(lab) }
}

/** Samples memory until the end, and heaps after a third and at the end. */
async function sample(children, pids, seconds, report) {
  const samples = []
  let heap
  const start = performance.now()
  for (let at = 0; at < seconds; at = (performance.now() - start) / 1000) {
    const row = { at }
    for (const [name, child] of Object.entries(children)) {
      if (child.ended) throw new Error(`${name} has ended after ${at.toFixed(0)} s`)
    }
    for (const [name, pid] of Object.entries(pids)) {
      row[name] = residentMiB(pid)
    }
    const minute = Math.floor(at / 60)
    if (minute > Math.floor((samples.at(-1)?.at ?? 0) / 60)) {
      report(minute)
    }
    samples.push(row)
    if (at >= seconds / 3) {
      heap ??= await heaps(children, 1)
    }
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
  const stages = vnetJson('wire', name).filter(({ stage }) => stage !== null)
  return stages.map(stage => ({
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
  return keys
    .filter(key => total[key] !== kernel[key])
    .map(key => `${name} ${key} ${total[key]} ${kernel[key]}`)
}

/** Prints one row a process. Returns the problems found. */
function compare(names, sampled, seconds) {
  const titles = ['process', 'RSS MiB, early', 'late', 'heap MiB, early', 'late']
  titles.push('descriptors, before', 'after', 'namespaces, before', 'after')
  console.log(`\n| ${titles.join(' | ')} |`)
  console.log(`|${'---|'.repeat(titles.length)}`)
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
  const stages = ['sn0', 'soak0', 'toxiproxy:client/server'].flatMap(unaccounted)
  for (const { name, in: arrived, missing } of stages) {
    console.log(`${name}: ${arrived} in, ${missing} missing`)
  }
  const lost = vnetJson('wire', 'sn0').reduce((sum, { dropped }) => sum + dropped, 0)
  const [full, buffers] = [queues(), receiveBufferErrors()]
  const missing = 2 * sent() - seen.sink - seen.echo - lost - full - buffers
  console.log(
    `datagrams: ${sent()} sent to each, snull delivered ${seen.sink}, the lan returned ${seen.echo}`,
  )
  console.log(
    `  ${lost} lost by the wire, ${full} in full queues, ${buffers} in full buffers, ${missing} missing`,
  )
  console.log(`metrics: ${scrapes} scrapes, ${failed.length} failed`)
  if (missing !== 0) {
    console.log(run('nstat', '-a'))
  }
  return [
    ...stages
      .filter(({ missing }) => missing !== 0)
      .map(({ name, missing }) => `${name}: ${missing} frames missing`),
    ...['sn0', 'sn1'].flatMap(kernelDifferences),
    ...(missing === 0 ? [] : [`${missing} datagrams missing`]),
    ...failed.map(text => `a scrape failed: ${text}`),
  ]
}

/** Returns the seconds of CPU time that the processes and this one have taken. */
function cpuSeconds(pids) {
  const statOf = pid => readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')
  const ticks = Object.values(pids).flatMap(pid => statOf(pid).slice(13, 15))
  const { user, system } = process.cpuUsage()
  return ticks.reduce((sum, each) => sum + Number(each) / TICKS, 0) + (user + system) / 1e6
}

/** Prints the load of the machine, the part of a core that the soak took, and the visitors. */
class Minutes {
  loads = []
  #pids
  #visitors
  #start = performance.now()
  #cpu

  constructor(pids, visitors) {
    this.#pids = pids
    this.#visitors = visitors
    this.#cpu = cpuSeconds(pids)
  }

  report(minute) {
    const { counts, problems } = this.#visitors
    const [load] = os.loadavg()
    this.loads.push(load)
    const cores = (cpuSeconds(this.#pids) - this.#cpu) / ((performance.now() - this.#start) / 1000)
    const visits = Object.entries(counts).map(([name, count]) => `${name} ${count}`)
    const own = `load ${load.toFixed(2)}, own ${cores.toFixed(2)} cores`
    console.log(`minute ${minute}: ${[own, ...visits, `problems ${problems.length}`].join(', ')}`)
  }
}

async function soak({ seconds }) {
  const processes = new Processes()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'vnet-soak-'))
  try {
    const children = await startAll(processes, directory)
    const pids = pidsOf(children)
    const visitors = new Visitors({
      processes,
      argv: [process.execPath, VNET],
      directory,
      page: PAGE,
    })
    await visitors.first()
    await scrape()
    const before = await openedAtRest(pids)
    const traffic = await startTraffic()
    const scrapes = startScrapes()
    const endLook = await look(PAGE, 'snull')
    visitors.start()
    const minutes = new Minutes(pids, visitors)
    const sampled = await sample(children, pids, seconds, minute => minutes.report(minute))
    minutes.report('of the end')
    await visitors.stop()
    await endLook()
    scrapes.stop()
    sampled.open = [before, await openedAtEnd(pids, before)]
    traffic.stop()
    // The wires hold frames for 20 ms: all frames in flight arrive.
    await sleep(2000)
    const problems = compare(Object.keys(pids), sampled, seconds)
    problems.push(...account(traffic, scrapes.counts), ...visitors.problems)
    const busy = minutes.loads.filter(load => load >= LOAD_MAX).length
    console.log(
      `load: at most ${Math.max(...minutes.loads).toFixed(2)}, ${busy} minutes at ${LOAD_MAX} or more`,
    )
    for (const problem of problems) {
      console.log(`FAILED ${problem}`)
    }
    console.log(problems.length === 0 ? 'ok' : `${problems.length} problems`)
    process.exitCode = problems.length === 0 ? 0 : 1
  } finally {
    processes.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

await isolated('bench:soak', HELP, optionsOf, soak)
