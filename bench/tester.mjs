/**
 * `npm run bench:tester`: the CPU time of what a tester waits for again and again, in multiples of
 * the same without vnet. The programs take turns, and a figure is the median of the rounds'
 * multiples. Needs root. `-- --only TEXT` takes rows with it in their title, `--rounds N` so many
 * rounds (5). Fails if a row is above its limit.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { readOptions, refuse, text, whole } from '../scripts/options.mjs'
import { pack, withDependencies } from '../scripts/packages.mjs'
import { cpuOf } from './cpu.mjs'
import { median } from './summary.mjs'

const root = resolve(import.meta.dirname, '..')

const PLAIN = `
  import { expect, test } from 'vitest'
  test('adds', () => expect(1 + 1).toBe(2))`
const LAB = `
  import { test } from '@vnet/lab/vitest'
  test('has a cable', async ({ lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
  })`
const FIRST = `
  import { createLab } from '@vnet/lab'
  const lab = await createLab()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await lab.close()`

const VITEST = ['node_modules/vitest/vitest.mjs', 'run']
const MEMORY = { VNET_WORLD: 'memory' }
const KERNEL = { VNET_WORLD: 'kernel' }

/** The programs that take turns, in the project `linked` or `packed`. */
const PROGRAMS = {
  node: { project: 'linked', args: ['empty.js'] },
  first: { project: 'linked', args: ['first.js'], env: MEMORY },
  firstKernel: { project: 'linked', args: ['first.js'], env: KERNEL },
  plain: { project: 'linked', args: [...VITEST, 'plain.test.js'] },
  linked: { project: 'linked', args: [...VITEST, 'lab.test.js'], env: MEMORY },
  linkedKernel: { project: 'linked', args: [...VITEST, 'lab.test.js'], env: KERNEL },
  packed: { project: 'packed', args: [...VITEST, 'lab.test.js'], env: MEMORY },
}

/** What figures are multiples of. */
const BASES = {
  node: 'node with an empty file',
  plain: 'vitest without a lab',
  toxicsEarly: 'toxics 26 to 50',
}

/** A row is one program in multiples of another. */
const ROWS = [
  ['vitest with a lab in memory, linked', 'linked', 'plain', 1.5],
  ['vitest with a lab in the kernel, linked', 'linkedKernel', 'plain'],
  ['vitest with a lab in memory, packed', 'packed', 'plain', 1.5],
  ['the first lab in memory', 'first', 'node'],
  ['the first lab in the kernel', 'firstKernel', 'node'],
  ['200 toxics of packets, the last 25', 'toxicsLate', 'toxicsEarly', 1.3],
  ['200 toxics of packets', 'toxics', 'node'],
].map(([title, program, base, limit]) => ({ title, program, base, limit }))

const TOXICS = 200
/** The toxics of a part. The first ones also load what all need. */
const PART = 25

function makeProjects(directory) {
  const projects = { linked: join(directory, 'linked'), packed: join(directory, 'packed') }
  for (const project of Object.values(projects)) {
    mkdirSync(join(project, 'node_modules/@vnet'), { recursive: true })
    for (const [name, content] of Object.entries({
      'package.json': '{ "type": "module" }',
      'empty.js': '',
      'first.js': FIRST,
      'plain.test.js': PLAIN,
      'lab.test.js': LAB,
    })) {
      writeFileSync(join(project, name), content)
    }
    symlinkSync(join(root, 'node_modules/vitest'), join(project, 'node_modules/vitest'))
  }
  const modules = name => join(projects[name], 'node_modules')
  symlinkSync(root, join(modules('linked'), 'vnet'))
  symlinkSync(join(root, 'packages/lab'), join(modules('linked'), '@vnet/lab'))
  const folders = withDependencies(['packages/lab'])
  for (const [i, file] of pack(folders, directory).entries()) {
    const name = folders[i] === '.' ? 'vnet' : folders[i].replace('packages', '@vnet')
    mkdirSync(join(modules('packed'), name))
    execFileSync('tar', ['-xzf', file, '-C', join(modules('packed'), name), '--strip-components=1'])
  }
  for (const name of ['ffi-rs', 'yaml']) {
    symlinkSync(join(root, 'node_modules', name), join(modules('packed'), name))
  }
  return projects
}

/** Runs a program. Returns the CPU time in ms of its processes; bash has it to the millisecond. */
function cpuOfRun(projects, { project, args, env }) {
  const script = 'TIMEFORMAT="%U %S"; exec 3>&2; { time "$@" >&3 2>&3; } 2>&1'
  const run = spawnSync('bash', ['-c', script, 'bash', process.execPath, ...args], {
    cwd: projects[project],
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(`${args.join(' ')}: ${run.stdout}${run.stderr}`)
  const [user, system] = run.stdout.trim().split(' ').map(Number)
  return 1000 * (user + system)
}

/** Gives each of 200 proxies a toxic of packets. Returns the CPU times of vnet in ms, by names. */
async function cpuOfToxics() {
  const words = [join(root, 'dist/vnet.js'), 'toxiproxy', '--port', '0']
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    const post = poster(/http:[^,]+/.exec(line)[0])
    const names = Array.from({ length: TOXICS }, (_, i) => `p${i}`)
    const proxy = name => ({ name, listen: '127.0.0.1:0', upstream: '127.0.0.1:9' })
    await post('/populate', names.map(proxy))
    const toxic = { type: 'packet_loss', attributes: { percent: 10 } }
    const times = [cpuOf(child.pid)]
    for (const name of names) {
      await post(`/proxies/${name}/toxics`, toxic)
      times.push(cpuOf(child.pid))
    }
    const between = (from, to) => 1000 * (times[to] - times[from])
    return {
      toxics: between(0, TOXICS),
      toxicsEarly: between(PART, 2 * PART),
      toxicsLate: between(TOXICS - PART, TOXICS),
    }
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

const poster = url => async (path, body) => {
  const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(await response.text())
  await response.text()
}

function print({ title, program, base, limit }, rounds) {
  const multiple = median(rounds.map(times => times[program] / times[base]))
  const least = Math.min(...rounds.map(times => times[program]))
  const isMissed = multiple > limit
  if (isMissed) {
    process.exitCode = 1
  }
  const target = isMissed ? `; missed: at most ${limit} (load ${loadavg()[0].toFixed(1)})` : ''
  const what = `${title}: ${multiple.toFixed(2)} times ${BASES[base]}`
  console.log(`${what}, at least ${least.toFixed(0)} ms${target}`)
}

const { only = '', rounds: count } = readOptions({ only: text, rounds: whole(5, 1, 100) }).values
const rows = ROWS.filter(({ title }) => title.includes(only))
if (rows.length === 0) {
  refuse(`--only ${only}: expected a part of ${ROWS.map(({ title }) => title).join(', ')}`)
}
const wanted = new Set(rows.flatMap(({ program, base }) => [program, base]))
const directory = mkdtempSync(join(tmpdir(), 'vnet-bench-'))
try {
  const projects = makeProjects(directory)
  const rounds = []
  // The first round fills caches.
  for (let round = 0; round <= count; round++) {
    const times = wanted.has('toxics') || wanted.has('toxicsLate') ? await cpuOfToxics() : {}
    for (const name of Object.keys(PROGRAMS).filter(name => wanted.has(name))) {
      times[name] = cpuOfRun(projects, PROGRAMS[name])
    }
    rounds.push(times)
  }
  for (const row of rows) {
    print(row, rounds.slice(1))
  }
} finally {
  rmSync(directory, { recursive: true })
}
