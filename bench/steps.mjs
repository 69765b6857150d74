/**
 * The steps of a sample. Each takes a bench, `{ net, child, ours, processes, seconds, traffic,
 * flows, ports }`, and returns its metrics and the CPU time used during it. `child` is the
 * candidate (undefined for veth), `ours` is true if it is vnet, `exec` and `hosts` are fields of
 * candidates.mjs, `traffic` are the CPUs of the measuring programs, `flows` the pairs of a flood,
 * one flow each. TCP has one connection on each pair. Every server has a new port (`ports.next`),
 * so that frames still under way when one ends do not reach the next.
 */
import { spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BUILD, daemon, vnetProgram } from './candidates.mjs'
import { allowedCpus, countCpu, FIFO, moveTo, setFifo } from './cpu.mjs'
import { request, socketOf } from './node.mjs'
import { run } from './processes.mjs'
import { median } from './summary.mjs'
import { inNamespace } from './topology.mjs'
import { look } from './viewer.mjs'

/** Seconds that a measuring program may run beyond its measurement. */
const GRACE = 3
const INTEGRITY = fileURLToPath(new URL('integrity.mjs', import.meta.url))
/** Payloads of a 64-byte frame with its FCS, and of a full MTU of 1500. */
const [SMALL, FULL] = [18, 1472]
/** Full datagrams of one UDP_SEGMENT send: as many as fit 64 KiB. */
const SEGMENTS = 44
/**
 * A supervisor first requests the interfaces of every vnet on the machine, and one may not reply.
 */
const LOOKING = 10
/** The errno of the kernel for a private ioctl on `lo`. */
const EOPNOTSUPP = 95
/** Seconds that iperf3 may take to end if the candidate stalls. */
const STALLED = 10
/** Runs a program at real-time priority. */
const FIRST = ['chrt', '-f', '1']
/** TCP with timestamps: payload of a full frame, and its bytes without the FCS. */
const [PAYLOAD, FRAME] = [1448, 1514]
/** Through a delay of a second: packets per second, seconds, and seconds until the last arrives. */
const HELD = { rate: 100_000, seconds: 3, limit: 15 }
/** Frames that wait in front of the candidate there: 200 ms instead of 10. */
const WAITING = 20_000
const echo = ({ net, asked }) => [`${BUILD}/ask`, 'echo', asked(net)]

/** The CNI plugin, and how many times it is run. */
const PLUGIN = fileURLToPath(new URL('../build/Release/vnet-cni', import.meta.url))
const PLUGINS = 50
/** Seconds that a daemon with many attachments may take to be ready. */
const LONGEST = 30

/** The page is looked at for five times the usual time: some of its messages come every second. */
const WATCHED = { rate: 1000, part: 5 }

/** A stranger floods for five times the usual time of a measurement: TCP, then pings. */
const [TCP_PART, PING_PART] = [3, 2]
/** Microseconds from one ping to the next. */
const PING_EVERY = 1000
const RARE_PING_EVERY = 5000

/** One CPU for the traffic and one for the candidate; one CPU for all; no pinning. */
const apart = cpus => [cpus.slice(0, 1), cpus.slice(-1)]
const together = cpus => [cpus.slice(0, 1), cpus.slice(0, 1)]
const anywhere = cpus => [cpus, cpus]
/**
 * The stranger has a CPU of its own on machines with three, otherwise it shares the traffic's.
 */
const withStranger = cpus => [...apart(cpus), cpus.length > 2 ? cpus.slice(1, 2) : cpus.slice(0, 1)]

/**
 * The order matters: steps that need a warm candidate come after the steps that warm it.
 * `place(cpus)` returns the CPUs of the traffic, the candidate and the flood.
 */
export const STEPS = {
  tcp: { place: apart, measure: bench => tcp(bench, ['tcp', 'cpu_gb'], []) },
  tcp4: { place: apart, measure: bench => tcp(bench, ['tcp4', 'cpu_gb4'], ['-P', '4']) },
  bidir: { place: apart, measure: bench => tcp(bench, ['bidir', 'cpu_gb_bidir'], ['--bidir']) },
  gso: { place: apart, measure: gso },
  udp: { place: apart, measure: udp64 },
  udp1472: { place: apart, measure: udp1472 },
  rtt1: { place: together, measure: bench => roundTrip(bench, 'rtt1') },
  fifo1: { place: together, measure: underFifo, needsFifo: true },
  rtt: { place: anywhere, measure: bench => roundTrip(bench, 'rtt') },
  near: { place: apart, measure: besideFlood },
  bcast: { place: apart, measure: bench => besideFrames(bench, 'bcast', ['broadcasts']) },
  gso100: { place: apart, measure: bench => besideFrames(bench, 'gso100', ['gso'], [100]) },
  churn: { place: apart, measure: besideChurn },
  plugin: { place: apart, measure: plugin },
  restart18: { place: anywhere, measure: bench => restart(bench, 18) },
  restart100: { place: anywhere, measure: bench => restart(bench, 100) },
  echo1: { place: together, measure: bench => answerTime(bench, 'echo1', echo(bench)) },
  echo: { place: anywhere, measure: bench => answerTime(bench, 'echo', echo(bench)) },
  ioctl1: {
    place: together,
    measure: bench => answerTime(bench, 'ioctl1', supervised(bench, bench.net.a.name, 0)),
  },
  ioctl: {
    place: anywhere,
    measure: bench => answerTime(bench, 'ioctl', supervised(bench, bench.net.a.name, 0)),
  },
  passed1: {
    place: together,
    measure: bench => answerTime(bench, 'passed1', supervised(bench, 'lo', EOPNOTSUPP)),
  },
  owd50: { place: apart, measure: bench => oneWayDelay(bench, 'owd50', 50_000) },
  owd200: { place: apart, measure: bench => oneWayDelay(bench, 'owd200', 200_000) },
  goodput: { place: apart, measure: goodput },
  held: { place: apart, measure: held },
  stall: { place: apart, measure: stall },
  watched: { place: apart, measure: watched },
  stranger: { place: withStranger, measure: besideStranger },
  idle: { place: anywhere, measure: idle },
}

/** Sends 4 MiB of random bytes over every pair and back. Throws one line if a byte was changed. */
export async function compareOctets(bench) {
  for (const pair of bench.net.pairs) {
    const port = bench.ports.next++
    await withServers(
      [startTraffic(bench, pair.b.ns, [process.execPath, INTEGRITY, 'serve', port])],
      () =>
        runTraffic(bench, pair.a.ns, [process.execPath, INTEGRITY, 'compare', pair.target, port]),
    )
  }
}

/** Runs the candidate until its code is compiled. */
export function warmUp(bench) {
  return flood({ ...bench, seconds: 0.25 }, SMALL)
}

async function tcp(bench, [rate, cost], options, grace = GRACE) {
  const pairs = bench.net.pairs.map(pair => ({ ...pair, port: bench.ports.next++ }))
  const time = Math.max(1, Math.round(bench.seconds))
  const servers = pairs.map(({ b, port }) =>
    startTraffic(
      bench,
      b.ns,
      ['iperf3', '-s', '-1', '--forceflush', '-p', port],
      /^Server listening/m,
    ),
  )
  const { settle = 0 } = bench
  const longer = settle === 0 ? options : [...options, '-O', settle]
  return withServers(servers, async () => {
    const counting = delay(settle * 1000).then(() => countCpu(bench.child?.pid))
    const reports = await all(
      pairs.map(({ a, target, port }) =>
        runTraffic(
          bench,
          a.ns,
          ['iperf3', '-J', '-c', target, '-p', port, '-t', time, ...longer],
          grace + settle,
        ),
      ),
    )
    const use = (await counting)()
    const ends = reports.map(report => JSON.parse(report).end)
    const sums = ends.flatMap(end =>
      [end.sum_received, end.sum_received_bidir_reverse ?? []].flat(),
    )
    const row = { [rate]: total(sums, 'bits_per_second') / 1e9 }
    if (bench.child !== undefined) {
      row[cost] = use.candidate / (total(sums, 'bytes') / 1e9)
    }
    return { row, use }
  })
}

/** Returns the goodput of TCP, relative to the payload's share of the rate. */
async function goodput(bench) {
  const { row, use } = await tcp(bench, ['tcp', 'cpu_gb'], [])
  const most = ((bench.rate / 1e9) * PAYLOAD) / FRAME
  return {
    row: { rate_share: (row.tcp / most) * 100, rate_cpu: (use.candidate / use.seconds) * 100 },
    use,
  }
}

async function oneWayDelay(bench, name, rate) {
  const { lost, n, p50, p99, max, use } = await steady(bench, rate, bench.seconds + GRACE)
  const beyond = { p50, p99, max }
  const row = Object.fromEntries(
    Object.entries(beyond).map(([part, us]) => [`${name}_${part}`, us - bench.askedUs]),
  )
  return { row: { ...row, [`${name}_loss`]: (lost / (n + lost)) * 100 }, use }
}

/** The queue is long, so that packets are lost after it, not in it. */
async function held(bench) {
  const { ns, name } = bench.net.a
  run('ip', '-n', ns, 'link', 'set', name, 'txqueuelen', String(WAITING))
  const { lost, n, use } = await steady({ ...bench, seconds: HELD.seconds }, HELD.rate, HELD.limit)
  return { row: { held_loss: (lost / (n + lost)) * 100 }, use }
}

/**
 * Sends datagrams at a steady rate, with priority over other programs, so that only the candidate
 * delays them. Returns what the receiver printed; the first fifth is not counted.
 */
async function steady(bench, rate, limit) {
  const [{ a, b, target }] = bench.net.pairs
  const port = bench.ports.next++
  const receive = [...FIRST, `${BUILD}/owd`, 'recv', port, limit, bench.seconds / 5]
  const receiver = startTraffic(bench, b.ns, receive)
  return withServers([receiver], async () => {
    const used = countCpu(bench.child?.pid)
    await runTraffic(
      bench,
      a.ns,
      [...FIRST, `${BUILD}/owd`, 'send', target, port, bench.seconds, rate],
      limit,
    )
    const use = used()
    return { ...lastJson(await receiver.child.output(limit)), use }
  })
}

/** The traffic is slow, so that the CPU time is the page's and no frame is lost. */
async function watched(bench) {
  const leave = bench.page === undefined ? () => {} : await look(bench.page)
  const { use } = await steady(
    { ...bench, seconds: WATCHED.part * bench.seconds },
    WATCHED.rate,
    WATCHED.part * bench.seconds + GRACE,
  )
  await leave()
  return { row: { watched_cpu: (use.candidate / use.seconds) * 100 }, use }
}

async function udp64(bench) {
  const { pps, rx, loss, reordered, use } = await flood(bench, SMALL)
  return {
    row: {
      udp64: pps / 1e3,
      udp64_loss: loss,
      reordered,
      ...perMillion(bench, 'cpu_mframes', use, rx),
    },
    use,
  }
}

async function udp1472(bench) {
  const { pps, rx, loss, use } = await flood(bench, FULL)
  return {
    row: {
      udp1472: pps / 1e3,
      udp1472_loss: loss,
      ...perMillion(bench, 'cpu_mframes1472', use, rx),
    },
    use,
  }
}

async function gso(bench) {
  const { pps, rx, loss, use } = await flood(bench, FULL, SEGMENTS)
  const row = { gso: (pps * FULL * 8) / 1e9, gso_loss: loss }
  if (bench.child !== undefined && rx > 0) {
    row.cpu_gb_gso = use.candidate / ((rx * FULL) / 1e9)
  }
  return { row, use }
}

function perMillion({ child }, metric, use, frames) {
  return child === undefined || frames === 0 ? {} : { [metric]: use.candidate / (frames / 1e6) }
}

/**
 * Floods all flows together with datagrams of `size` bytes, sent `segments` at a time. Returns the
 * sums of the received datagrams.
 */
async function flood(bench, size, segments = 1) {
  const flows = bench.flows.map(pair => ({ pair, port: bench.ports.next++ }))
  const limit = bench.seconds + GRACE
  const gro = segments > 1 ? ['gro'] : []
  const receivers = flows.map(({ pair, port }) =>
    startTraffic(bench, pair.b.ns, [`${BUILD}/pps`, 'recv', port, limit, size, ...gro]),
  )
  return withServers(receivers, async () => {
    const used = countCpu(bench.child?.pid)
    const send = ({ pair, port }) => [
      `${BUILD}/pps`,
      'send',
      pair.target,
      port,
      bench.seconds,
      size,
      segments,
    ]
    await all(flows.map(flow => runTraffic(bench, flow.pair.a.ns, send(flow))))
    const use = used()
    const reports = await all(
      receivers.map(async ({ child }) => lastJson(await child.output(GRACE))),
    )
    const [rx, sent] = [total(reports, 'rx'), total(reports, 'sent')]
    return {
      rx,
      pps: total(reports, 'pps'),
      loss: (1 - rx / sent) * 100,
      reordered: total(reports, 'reordered'),
      use,
    }
  })
}

async function roundTrip(
  bench,
  name,
  { pair = bench.net.pairs[0], priority = [], every = [] } = {},
) {
  const port = bench.ports.next++
  const echo = [...priority, `${BUILD}/lat`, 'echo', port, bench.seconds + GRACE]
  return withServers([startTraffic(bench, pair.b.ns, echo)], async () => {
    const used = countCpu(bench.child?.pid)
    const traced = bench.child?.stdout.length
    const ping = [
      ...priority,
      `${BUILD}/lat`,
      'ping',
      pair.target,
      port,
      1_000_000,
      bench.seconds,
      ...every,
    ]
    const { n, p50, p99, p99_9, max } = lastJson(await runTraffic(bench, pair.a.ns, ping))
    const row = {
      [`${name}_p50`]: p50,
      [`${name}_p99`]: p99,
      [`${name}_p99.9`]: p99_9,
      [`${name}_max`]: max,
    }
    const use = used()
    if (bench.child !== undefined) {
      row[`${name}_cpu`] = (use.candidate / n) * 1e6
    }
    if (bench.ours) {
      const pauses = collections(bench.child.stdout.slice(traced))
      row[`${name}_gc`] = pauses.length
      row[`${name}_gc_max`] = Math.max(0, ...pauses)
    }
    return { row, use }
  })
}

/**
 * Measures the round trip with the candidate and the traffic under SCHED_FIFO: other programs then
 * delay neither, and the bench itself leaves their CPU, where it would get no time.
 */
async function underFifo(bench) {
  const others = allowedCpus().slice(1)
  if (others.length > 0) {
    moveTo(others)
  }
  const { pid } = bench.child ?? {}
  if (pid !== undefined) {
    setFifo(pid, true)
  }
  try {
    return await roundTrip(bench, 'fifo1', { priority: ['chrt', ...FIFO] })
  } finally {
    if (pid !== undefined) {
      setFifo(pid, false)
    }
  }
}

/** Returns the time in us of each garbage collection in the output of `node --trace-gc`. */
export function collections(text) {
  return [...text.matchAll(/ ms: \w[^\n]* MB, ([\d.]+) \/ /g)].map(([, ms]) => ms * 1000)
}

/**
 * Measures round trips of the second cable while the first is flooded. They have priority over the
 * programs of the flood, with which they share a CPU, so they wait for the candidate alone.
 */
async function besideFlood(bench) {
  const [flooded, quiet] = bench.net.pairs
  const longer = { ...bench, seconds: bench.seconds + 1, flows: [flooded] }
  const [{ pps }, { row, use }] = await all([
    flood(longer, SMALL),
    delay(500).then(() => roundTrip(bench, 'near', { pair: quiet, priority: FIRST })),
  ])
  return { row: { ...row, flood: pps / 1e3 }, use }
}

/**
 * Measures pings of the second pair while a program floods the first with frames, as fast as it
 * can. The pings come so rarely that none delays the next.
 */
async function besideFrames(bench, name, mode, options = []) {
  const [{ b }, quiet] = bench.net.pairs
  const flooder = startTraffic(bench, b.ns, [`${BUILD}/flood`, ...mode, b.name, ...options])
  return withServers([flooder], async () => {
    const { row, use } = await roundTrip(bench, name, {
      pair: quiet,
      priority: FIRST,
      every: [RARE_PING_EVERY],
    })
    flooder.child.kill('SIGTERM')
    const { sent, seconds } = lastJson(await flooder.child.output(GRACE))
    return { row: { ...row, [`${name}_flood`]: sent / seconds / 1e3 }, use }
  })
}

/** Measures pings of one attachment while another is detached and attached again and again. */
async function besideChurn(bench) {
  const [other, quiet] = bench.net.pairs
  let cycles = 0
  let isOver = false
  async function churn() {
    for (; !isOver; cycles++) {
      for (const what of ['detach', 'attach']) {
        await request(socketOf(bench.net), what, [other.a.name])
      }
    }
  }
  const pings = roundTrip(bench, 'churn', {
    pair: quiet,
    priority: FIRST,
    every: [PING_EVERY],
  }).finally(() => {
    isOver = true
  })
  const [{ row, use }] = await all([pings, churn()])
  return { row: { ...row, churn: cycles / bench.seconds }, use }
}

/** Runs the CNI plugin like a runtime, for an interface that gets no wire. */
async function plugin({ net, child }) {
  const { ns, name } = net.a
  const env = {
    VNET_NODE_SOCKET: socketOf(net),
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'bench',
    CNI_NETNS: `/run/netns/${net.b.ns}`,
    CNI_IFNAME: net.b.name,
  }
  const sandbox = env.CNI_NETNS
  const prevResult = {
    cniVersion: '1.0.0',
    interfaces: [{ name }, { name: env.CNI_IFNAME, sandbox }],
  }
  const input = JSON.stringify({ cniVersion: '1.0.0', name: 'bench', type: 'vnet-cni', prevResult })
  const used = countCpu(child.pid)
  const times = Array.from({ length: PLUGINS }, () => {
    const started = performance.now()
    const { status, stdout } = spawnSync(PLUGIN, { env, input, encoding: 'utf8' })
    if (status !== 0) throw new Error(`vnet-cni in ${ns}: ${stdout}`)
    return performance.now() - started
  })
  return { row: { plugin_p50: median(times) }, use: used() }
}

/** Starts a second daemon, attaches it to `count` interfaces, and starts it again. */
async function restart({ net, processes, child }, count) {
  const { ns } = net.b
  const socket = socketOf(net, 'second')
  const names = Array.from({ length: count }, (_, i) => `at${i}`)
  const link = (...words) => run('ip', '-n', ns, 'link', ...words)
  async function started() {
    const from = performance.now()
    const program = processes.start(daemon(ns, socket))
    await program.printed(/^ready$/m, LONGEST)
    return { program, ms: performance.now() - from }
  }
  try {
    for (const name of names) {
      link('add', name, 'up', 'type', 'veth', 'peer', 'name', `${name}p`)
      link('set', `${name}p`, 'up')
    }
    const first = await started()
    await request(socket, 'attach', names)
    await first.program.stop()
    const used = countCpu(child.pid)
    const second = await started()
    const use = used()
    await request(socket, 'detach', names)
    await second.program.stop()
    return { row: { [`restart${count}`]: second.ms }, use }
  } finally {
    for (const name of names) {
      link('delete', name)
    }
  }
}

/** Runs `vnet list`. Fails if the vnet `pid` does not reply, but not for others of the machine. */
async function listed(processes, pid) {
  const list = processes.start(vnetProgram(['list'])).output(LOOKING)
  await list.catch(error => {
    const failed = /: vnet: vnet (\d+) /.exec(error.message)?.[1]
    if (failed === undefined || Number(failed) === pid) throw error
  })
}

/**
 * Measures TCP, then pings, then `vnet list`, while a stranger floods the candidate or the other
 * program. The pings have priority over the flood, so they wait for the candidate alone.
 */
async function besideStranger(bench) {
  const { net, child, processes, seconds, stranger, flooder } = bench
  const theirs = { ...bench, traffic: flooder }
  const bystander = startTraffic(theirs, net.stranger, stranger.bystander(net))
  return withServers([bystander], async () => {
    const flood = startTraffic(theirs, net.stranger, stranger.flood(net, child))
    return withServers([flood], async () => {
      const used = countCpu(flood.child.pid)
      const longer = { ...bench, seconds: TCP_PART * seconds }
      const { row, use } = await tcp(longer, ['stranger_tcp', 'stranger_cpu_gb'], [], STALLED)
      const pings = { priority: FIRST, every: [PING_EVERY] }
      const ping = await roundTrip({ ...bench, seconds: PING_PART * seconds }, 'stranger', pings)
      const started = performance.now()
      if (bench.ours) {
        await listed(processes, child.pid)
      }
      const list = bench.ours && { stranger_list: performance.now() - started }
      const { candidate, seconds: took } = used()
      flood.child.kill('SIGTERM')
      const { sent, seconds: flooded } = lastJson(await flood.child.output(GRACE))
      const effort = { stranger_rate: sent / flooded / 1e3, stranger_cores: candidate / took }
      const foreignCores = Math.max(use.foreignCores, ping.use.foreignCores)
      const stolenCores = Math.max(use.stolenCores, ping.use.stolenCores)
      return {
        row: { ...row, ...ping.row, ...list, ...effort },
        use: { foreignCores, stolenCores },
      }
    })
  })
}

/**
 * Runs a program that calls `name`, supervised by the candidate. The call must end with `errno`.
 */
function supervised({ net, exec }, name, errno) {
  return [...exec(net), `${BUILD}/ask`, 'ioctl', name, errno]
}

async function answerTime(bench, name, argv) {
  const used = countCpu(bench.child?.pid)
  const { p50, p99 } = lastJson(
    await runTraffic(bench, bench.net.a.ns, [...argv, bench.seconds], LOOKING),
  )
  return { row: { [`${name}_p50`]: p50, [`${name}_p99`]: p99 }, use: used() }
}

/** Reads what the candidate reports of its cycles, once its code is compiled. */
async function stall({ child, seconds }) {
  await delay(1000)
  const from = child.stdout.length
  const used = countCpu(child.pid)
  await delay(seconds * 1000)
  const use = used()
  const lines = child.stdout.slice(from).split('\n').slice(1, -1)
  const cycles = lines.map(line => JSON.parse(line))
  return {
    row: {
      stall_open: median(cycles.map(c => c.open)),
      stall_close: median(cycles.map(c => c.close)),
    },
    use,
  }
}

async function idle({ child, seconds }) {
  await delay(200)
  const used = countCpu(child?.pid)
  await delay(seconds * 1000)
  const use = used()
  return { row: child === undefined ? {} : { idle: (use.candidate / use.seconds) * 100 }, use }
}

/**
 * Starts a traffic program in a namespace, on the CPUs of the traffic. It prints `ready` when it
 * listens.
 */
function startTraffic({ processes, traffic }, ns, argv, ready = /^ready$/m) {
  const child = processes.start(argv.map(String), [
    ...inNamespace(ns),
    'taskset',
    '-c',
    traffic.join(','),
  ])
  return { child, ready }
}

function runTraffic(bench, ns, argv, grace = GRACE) {
  return startTraffic(bench, ns, argv).child.output(bench.seconds + grace)
}

/** Calls a function while servers listen, then ends the servers. */
async function withServers(servers, work) {
  try {
    await all(servers.map(({ child, ready }) => child.printed(ready, GRACE)))
    return await work()
  } finally {
    await Promise.all(servers.map(({ child }) => child.stop()))
  }
}

/** Waits for all, even if one fails, then throws the first failure. */
async function all(promises) {
  const settled = await Promise.allSettled(promises)
  for (const { status, reason } of settled) {
    if (status === 'rejected') {
      throw reason
    }
  }
  return settled.map(({ value }) => value)
}

function total(rows, field) {
  return rows.reduce((sum, row) => sum + row[field], 0)
}

function lastJson(text) {
  return JSON.parse(text.slice(text.lastIndexOf('{')))
}
