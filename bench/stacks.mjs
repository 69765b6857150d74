/**
 * `npm run bench:stacks`: TCP between this kernel and a stack in user space: vnet host, lwIP and
 * gVisor's netstack, each on a TAP; gVisor's also on a packet socket with its offloads, as in its
 * sandbox. Candidates take turns. Each figure is a median: payload in Gbit/s, and CPU time of the
 * stack's program. Needs root; liblwip-dev, golang-go and golang-gvisor-gvisor-dev, or what is
 * missing is left out, with a line.
 */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { flag, readOptions, whole } from '../scripts/options.mjs'
import { countCpu } from './cpu.mjs'
import { Processes, run } from './processes.mjs'

const HELP = `usage: npm run bench:stacks -- [--rounds 5] [--secs 4]
`
const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = `${root}packages/conform/test/stacks`
const BUILT = `${root}build/bench/stacks`
const NETNS = `vnet-bench-${process.pid}`
const [ADDRESS, ROUTER] = ['198.18.7.2', '198.18.7.1']
const PORTS = { 'from the stack': 19, 'to the stack': 9 }
const VNET = [
  process.execPath,
  `${root}dist/vnet.js`,
  'host',
  'stack0',
  '--address',
  `${ADDRESS}/24`,
]

const tap = [
  'ip tuntap add stack0 mode tap',
  'ip link set stack0 up',
  `ip addr add ${ROUTER}/24 dev stack0`,
]
const veth = [
  'ip link add stack0 type veth peer name stack1',
  'ip link set stack1 up',
  'ip link set stack0 up',
  `ip addr add ${ROUTER}/24 dev stack0`,
]

const CANDIDATES = {
  'vnet host': { links: [], argv: VNET },
  lwIP: {
    program: lwip,
    links: tap,
    argv: [`${BUILT}/lwip`, 'stack0', ADDRESS, '255.255.255.0', ROUTER],
  },
  "gVisor's netstack": {
    program: gvisor,
    links: tap,
    argv: [`${BUILT}/gvisor`, 'stack0', `${ADDRESS}/24`, ROUTER],
  },
  "gVisor's netstack, with offloads": {
    ...{ program: gvisor, links: veth },
    argv: [`${BUILT}/gvisor`, 'packet:stack1', `${ADDRESS}/24`, ROUTER],
  },
}

function lwip() {
  run(
    'sh',
    '-c',
    `cc -O2 -o '${BUILT}/lwip' '${SOURCES}/lwip.c' '${SOURCES}/lwip_control.c' $(pkg-config --cflags --libs lwip)`,
  )
}

function gvisor() {
  const environment = ['GO111MODULE=off', 'GOPATH=/usr/share/gocode', `GOCACHE=${BUILT}/cache`]
  run(
    'env',
    ...environment,
    'go',
    'build',
    '-o',
    `${BUILT}/gvisor`,
    ...['gvisor.go', 'gvisor_control.go'].map(file => `${SOURCES}/${file}`),
  )
}

/** Returns the candidates with programs that can be built. */
function available() {
  mkdirSync(BUILT, { recursive: true })
  return Object.entries(CANDIDATES).filter(([name, { program = () => {} }]) => {
    try {
      program()
      return true
    } catch (error) {
      console.error(`bench:stacks: ${name} is left out: ${error.message}`)
      return false
    }
  })
}

/** Returns Gbit/s, and CPU seconds a GB, of each direction. */
async function measure({ links, argv }, secs) {
  const processes = new Processes()
  const inside = ['ip', 'netns', 'exec', NETNS]
  run('ip', 'netns', 'add', NETNS)
  try {
    for (const link of ['ip link set lo up', ...links]) {
      run(...inside, ...link.split(' '))
    }
    const stack = processes.start(argv, inside)
    await stack.printed(/ready/, 20)
    const found = {}
    for (const [direction, port] of Object.entries(PORTS)) {
      const stream = [
        process.execPath,
        `${root}bench/traffic/stream.mjs`,
        ADDRESS,
        `${port}`,
        `${secs}`,
      ]
      const client = processes.start(stream, inside)
      await client.printed(/begin/, 20)
      const used = countCpu(stack.pid)
      const bytes = Number((await client.output(secs + 20)).split('\n')[1])
      found[direction] = { rate: (bytes * 8) / secs / 1e9, cost: used().candidate / (bytes / 1e9) }
    }
    await stack.stop()
    return found
  } finally {
    processes.close()
    run('ip', 'netns', 'del', NETNS)
  }
}

const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

async function main() {
  const { rounds, secs, help } = readOptions({
    rounds: whole(5, 1, 100),
    secs: whole(4, 1, 60),
    help: flag,
  }).values
  if (help) {
    process.stdout.write(HELP)
    return
  }
  const results = new Map(available().map(([name]) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, all] of results) {
      all.push(await measure(CANDIDATES[name], secs))
    }
  }
  const directions = Object.keys(PORTS)
  const row = cells => console.log(`| ${cells.join(' | ')} |`)
  row(['stack', ...directions.flatMap(each => [`Gbit/s ${each}`, 'CPU s/GB'])])
  row(['---', ...directions.flatMap(() => ['---', '---'])])
  for (const [name, all] of results) {
    const cells = directions.flatMap(each =>
      ['rate', 'cost'].map(key => median(all.map(found => found[each][key]))),
    )
    row([name, ...cells.map(value => value.toFixed(2))])
  }
}

main().catch(error => {
  console.error(`bench:stacks: ${error.message}`)
  process.exitCode = 1
})
