/**
 * `npm run bench:bufferbloat`: a TCP upload through the queues of a wire, and a ping beside it. For
 * each congestion control, rate and queue it prints the round trips of the ping and the goodput.
 * Needs root and iperf3, and takes about 12 s for each row.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createLab } from '../packages/lab/dist/index.js'
import { flag, oneOf, readOptions, refuse, text } from '../scripts/options.mjs'

const HELP = `usage: npm run bench:bufferbloat -- [--cc cubic,bbr] [--rate 10,100] [--queue NAME,...]

  --cc     TCP congestion controls (cubic,bbr)
  --rate   rates of the bottleneck in Mbit/s (10,100)
  --queue  queues (droptail,codel,fq_codel,pie,dualpi2)
`
const QUEUES = ['droptail', 'codel', 'fq_codel', 'pie', 'dualpi2']
const AVAILABLE = '/proc/sys/net/ipv4/tcp_available_congestion_control'
/** Milliseconds of one direction of the path, packets of the queue, and seconds of a run. */
const DELAY = 10
const LIMIT = 1000
const SECONDS = 10
/** Seconds until the ping starts, in which TCP finds the rate. */
const START = 3
const PINGS = { count: 300, interval: 0.02 }

function options() {
  const { values } = readOptions({ cc: text, rate: text, queue: text, help: flag })
  const { cc: controls = 'cubic,bbr', rate = '10,100', queue = QUEUES.join() } = values
  const [cc, rates, queues] = [controls, rate, queue].map(list => list.split(','))
  const known = readFileSync(AVAILABLE, 'utf8').trim().split(' ')
  const missing = cc.filter(each => !known.includes(each))
  if (missing.length > 0) {
    refuse(`--cc ${missing}: this kernel has ${known.join(', ')}`)
  }
  if (!rates.every(each => /^[1-9]\d{0,5}$/.test(each))) {
    refuse(`--rate ${rate}: expected whole numbers of Mbit/s`)
  }
  for (const each of queues) {
    oneOf('queue', each, QUEUES)
  }
  return { cc, rates, queues, help: values.help }
}

/** Returns the round trips of a ping from `client`, in ms and ascending, and how many were lost. */
async function ping(client) {
  const args = ['-4', '-n', '-c', `${PINGS.count}`, '-i', `${PINGS.interval}`, '-W', '2', 'server']
  const { stdout } = await client.exec('ping', args, { timeout: 60_000 })
  const times = [...stdout.matchAll(/ time=([\d.]+) ms/g)]
    .map(([, ms]) => Number(ms))
    .sort((a, b) => a - b)
  return { times, lost: PINGS.count - times.length }
}

const quantile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]

/** Runs an upload for `seconds`. Returns the received Mbit/s. */
async function upload(client, server, cc, seconds) {
  const listener = server.spawn('iperf3', ['-s', '-1', '-4', '--forceflush'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(listener, 'close')
  for await (const chunk of listener.stdout) {
    if (`${chunk}`.includes('listening')) {
      break
    }
  }
  const args = ['-4', '-c', 'server', '-t', `${seconds}`, '-C', cc, '-J']
  const { stdout } = await client.exec('iperf3', args, { timeout: 60_000 })
  await ended
  return JSON.parse(stdout).end.sum_received.bits_per_second / 1e6
}

async function measure(rate, queue, cc) {
  const lab = await createLab()
  try {
    const [client, server] = lab.hosts('client', 'server')
    const bottleneck = `rate ${rate}mbit ${queue} limit ${LIMIT} | delay ${DELAY}ms`
    await lab.cable(client, server, { wire: { ab: bottleneck, ba: `delay ${DELAY}ms` } })
    if (cc === undefined) return await ping(client)
    const uploading = upload(client, server, cc, SECONDS)
    uploading.catch(() => {})
    await new Promise(resolve => setTimeout(resolve, START * 1000))
    const { times, lost } = await ping(client)
    return { times, lost, goodput: await uploading }
  } finally {
    await lab.close()
  }
}

async function main() {
  const { cc, rates, queues, help } = options()
  if (help) {
    process.stdout.write(HELP)
    return
  }
  const row = cells => console.log(`| ${cells.join(' | ')} |`)
  row(['Mbit/s', 'TCP', 'queue', 'ping p50, ms', 'p99, ms', 'lost', 'goodput, Mbit/s'])
  row(['---', '---', '---', '---', '---', '---', '---'])
  for (const rate of rates) {
    const idle = await measure(rate, 'droptail')
    row([
      rate,
      'none',
      'idle',
      ...[0.5, 0.99].map(p => quantile(idle.times, p).toFixed(1)),
      idle.lost,
      '',
    ])
    for (const each of cc) {
      for (const queue of queues) {
        const { times, lost, goodput } = await measure(rate, queue, each)
        const ms = [0.5, 0.99].map(p => (times.length === 0 ? '-' : quantile(times, p).toFixed(1)))
        row([rate, each, queue, ...ms, lost, goodput.toFixed(2)])
      }
    }
  }
}

main().catch(error => {
  console.error(`bench:bufferbloat: ${error.message}`)
  process.exitCode = 1
})
