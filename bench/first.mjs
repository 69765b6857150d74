/**
 * `npm run bench:first`: the CPU time of first commands, in multiples of an empty Node. The
 * programs take turns, and a figure is the median of the rounds' multiples. Needs root. `-- --only
 * TEXT` takes rows with it in their title, `--rounds N` so many rounds (5). Fails if a row is above
 * its limit, which is for a busy machine: a start that loads much more is above it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readOptions, refuse, text, whole } from '../scripts/options.mjs'
import { cpuOf } from './cpu.mjs'
import { isolated } from './isolated.mjs'
import { Processes, run } from './processes.mjs'
import { median } from './summary.mjs'

/** The program to measure, of this tree or another build. */
const PROGRAM =
  process.env.VNET_BENCH_PROGRAM ?? fileURLToPath(new URL('../dist/vnet.js', import.meta.url))
/** Node reads further certificates at each start: an empty Node would be the slower, too. */
const { NODE_EXTRA_CA_CERTS: _, NODE_OPTIONS: __, ...inherited } = process.env
const env = { ...inherited, LC_ALL: 'C' }
/** Seconds for the start of a vnet on a busy machine. */
const START = 30

/** Prints the CPU time of a command and of all processes that it leaves, when they have ended. */
const COUNT = `
  "$@" >/dev/null || exit
  processes=(/proc/[0-9]*)
  while ((\${#processes[@]} > 1)); do processes=(/proc/[0-9]*); done
  times`

/** How each program is measured. It resolves to ms. */
const PROGRAMS = {
  node: () => cpuOfRun('--eval', '0'),
  version: () => cpuOfRun(PROGRAM, '--version'),
  list: () => cpuOfRun(PROGRAM, 'list'),
  alone: () => cpuOfRun(PROGRAM, 'run', '--quiet', '--no-internet', '--', 'true'),
  run: () => cpuOfRun(PROGRAM, 'run', '--quiet', '--', 'true'),
  toxiproxy: () => cpuUntilReady('toxiproxy', '--port', '0'),
}

const ROWS = [
  ['vnet --version', 'version', 1.5],
  ['vnet list, of two vnets', 'list', 4.5],
  ['vnet run --no-internet -- true', 'alone', 13],
  ['vnet run -- true', 'run', 17],
  ['vnet toxiproxy, until it is ready', 'toxiproxy', 6],
].map(([title, program, limit]) => ({ title, program, limit }))

/** Runs `node ARGS` as the only process of a PID namespace beside a shell, which waits for all. */
async function cpuOfRun(...args) {
  const namespace = ['--pid', '--fork', '--kill-child', '--mount-proc']
  const words = [...namespace, 'bash', '-c', COUNT, 'bash', process.execPath, ...args]
  const { status, stdout, stderr } = spawnSync('unshare', words, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`node ${args.join(' ')}: ${stderr}`)
  const ofChildren = stdout.trim().split('\n').at(-1)
  const times = Array.from(
    ofChildren.matchAll(/(\d+)m([\d.]+)s/g),
    ([, m, s]) => 60 * m + Number(s),
  )
  return 1000 * times.reduce((sum, each) => sum + each)
}

async function cpuUntilReady(...args) {
  const options = { env, stdio: ['ignore', 'pipe', 'inherit'] }
  const child = spawn(process.execPath, [PROGRAM, ...args], options)
  const ended = once(child, 'exit')
  try {
    await once(createInterface({ input: child.stdout }), 'line')
    return 1000 * cpuOf(child.pid)
  } finally {
    child.kill()
    await ended
  }
}

/** Makes a way out for `vnet run`, which leads nowhere. */
function makeWayOut() {
  run('ip', 'link', 'set', 'lo', 'up')
  run('ip', 'link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'far')
  run('ip', 'link', 'set', 'far', 'up')
  run('ip', 'link', 'set', 'out', 'up')
  run('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'out')
  run('ip', 'route', 'add', 'default', 'via', '192.0.2.2')
}

async function startVnets(processes) {
  for (const names of [
    ['a0', 'a1'],
    ['b0', 'b1'],
  ]) {
    const options = ['--no-address', ...names.flatMap(name => ['--name', name])]
    await processes
      .start([process.execPath, PROGRAM, 'snull', ...options])
      .printed(/^ready$/m, START)
  }
}

function print({ title, program, limit }, rounds) {
  const multiple = median(rounds.map(times => times[program] / times.node))
  const least = name => Math.min(...rounds.map(times => times[name])).toFixed(0)
  const isMissed = multiple > limit
  if (isMissed) {
    process.exitCode = 1
  }
  const target = isMissed ? `; missed: at most ${limit} (load ${loadavg()[0].toFixed(1)})` : ''
  const times = `at least ${least(program)} ms, Node ${least('node')} ms`
  console.log(`${title}: ${multiple.toFixed(2)} times an empty Node, ${times}${target}`)
}

async function measure({ only = '', rounds: count }) {
  const rows = ROWS.filter(({ title }) => title.includes(only))
  if (rows.length === 0) {
    refuse(`--only ${only}: expected a part of ${ROWS.map(({ title }) => title).join(', ')}`)
  }
  const wanted = ['node', ...rows.map(({ program }) => program)]
  const processes = new Processes()
  try {
    makeWayOut()
    await startVnets(processes)
    const rounds = []
    // The first round fills caches.
    for (let round = 0; round <= count; round++) {
      const times = {}
      for (const name of wanted) {
        times[name] = await PROGRAMS[name]()
      }
      rounds.push(times)
    }
    for (const row of rows) {
      print(row, rounds.slice(1))
    }
  } finally {
    processes.close()
  }
}

const options = () => readOptions({ only: text, rounds: whole(5, 1, 100) }).values
await isolated('bench:first', '', options, measure)
