/**
 * `npm run bench:loop`: what a change of this repository costs its author. In fresh clones of HEAD
 * and of the commit before, in turns, it runs the two commands of the README, `npm start` and `npm
 * test`, and prints their wall time and CPU time and the ten test files that cost most. Exits 1 if
 * a limit is exceeded. CPU time decides; wall time only on a machine that was quiet. Run it as
 * root.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { flag, readOptions, refuse, text, whole } from '../scripts/options.mjs'
import { cpuOfChildren } from './cpu.mjs'
import { median } from './summary.mjs'

const HELP = `usage: npm run bench:loop -- [--before COMMIT] [--rounds N]

  --before  measured in turns with HEAD (HEAD~1); none: HEAD alone
  --rounds  fresh clones of each, 1 to 20 (3)
`
const root = fileURLToPath(new URL('..', import.meta.url))

/** The commands of a newcomer, in this order, each with its limits in seconds on two cores. */
const COMMANDS = [
  { name: 'npm start', words: ['start', '--', '--version'], wall: 20, cpu: 35 },
  { name: 'npm test', words: ['test'], wall: 90, cpu: 150 },
]
/** CPU seconds that one test file of `npm test` may cost, also with the programs that it starts. */
const LIMITS = { file: 0.8, fileWithPrograms: 1 }
/** Files that are printed, if none of them is over the limit. */
const DEAREST = 10
/** A load of the machine from which wall time is not judged. */
const QUIET = 0.7
const MILLISECONDS = 1000

/** Returns the limit of a test file, by its folder. */
const limitOf = file =>
  /(^|\/)test\/(alone|kernel|programs)\//.test(file) ? LIMITS.fileWithPrograms : LIMITS.file

/** Runs git and returns its output without the newline. Ends the program if it fails. */
function git(...words) {
  const { status, stdout, stderr } = spawnSync('git', words, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : refuse(stderr.trim().split('\n')[0])
}

function commitOf(name) {
  const words = ['rev-parse', '--short', '--verify', '--quiet', `${name}^{commit}`]
  const { status, stdout } = spawnSync('git', words, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : refuse(`${name}: no commit of this clone`)
}

/** Measures one command to its end, with the programs that it has waited for. */
function measure(name, words, options) {
  const load = loadavg()[0]
  const before = cpuOfChildren()
  const began = performance.now()
  const { status, stdout, stderr } = spawnSync('npm', words, { ...options, encoding: 'utf8' })
  if (status !== 0) {
    process.stderr.write(`${stdout}${stderr}`)
    throw new Error(`${name} ended with ${status} in ${options.cwd}`)
  }
  return {
    load,
    wall: (performance.now() - began) / MILLISECONDS,
    cpu: cpuOfChildren() - before,
  }
}

/** Returns the results of the commands in a fresh clone, and the CPU time of each test file. */
function measureClone(commit) {
  const folder = mkdtempSync(join(tmpdir(), 'vnet-loop-'))
  // Tests run programs of the clone as other users, who may not enter a temporary directory.
  chmodSync(folder, 0o755)
  try {
    const clone = join(folder, 'vnet')
    git('clone', '--quiet', '--shared', root, clone)
    git('-C', clone, 'checkout', '--quiet', commit)
    const log = join(folder, 'cpu')
    const env = { ...process.env, VNET_CPU: log }
    const results = {}
    for (const { name, words } of COMMANDS) {
      results[name] = measure(name, words, { cwd: clone, env })
    }
    return { results, files: cpuByFile(log) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The lines of test/support/cpu-by-file.ts. A commit before that file writes none. */
function cpuByFile(log) {
  try {
    const lines = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    return new Map(lines.map(({ file, own, children }) => [file, own + children]))
  } catch (error) {
    if (error.code === 'ENOENT') return new Map()
    throw error
  }
}

/**
 * Returns the lines of a report and whether HEAD keeps all limits. `samples` are the commits, HEAD
 * first, each with the results of its clones: `[['1234567', [{ results, files }]]]`.
 */
export function reportOf(samples) {
  const parts = [...COMMANDS.map(command => commandPart(command, samples)), filesPart(samples)]
  return { lines: parts.flatMap(({ lines }) => lines), kept: parts.every(({ kept }) => kept) }
}

/** The medians of a command, by commit, and whether HEAD keeps its limits. */
function commandPart({ name, wall, cpu }, samples) {
  const middle = (rounds, what) => median(rounds.map(({ results }) => results[name][what]))
  const lines = samples.map(([commit, rounds]) => {
    const [wall, cpu, load] = ['wall', 'cpu', 'load'].map(what => middle(rounds, what).toFixed(1))
    return `${name}, ${commit}: ${wall} s, ${cpu} s of CPU, load ${load} before`
  })
  const [[, head]] = samples
  const isQuiet = middle(head, 'load') < QUIET
  const kept = !(isQuiet && middle(head, 'wall') > wall) && middle(head, 'cpu') <= cpu
  const note = isQuiet ? '' : ` (wall time not judged: the load was not below ${QUIET})`
  lines.push(`  ${kept ? 'kept' : 'MISSED'}: at most ${wall} s, ${cpu} s of CPU${note}`)
  return { lines, kept }
}

/** The dearest files of HEAD, beside the commit before, and whether all keep their limits. */
function filesPart([[, head], before]) {
  const costs = (rounds, file) => rounds.flatMap(({ files }) => files.get(file) ?? [])
  const names = [...new Set(head.flatMap(({ files }) => [...files.keys()]))]
  const rows = names
    .map(file => ({ file, cost: median(costs(head, file)) }))
    .sort((a, b) => b.cost - a.cost)
  const isDear = ({ file, cost }) => cost > limitOf(file)
  const shown = rows
    .filter((row, i) => i < DEAREST || isDear(row))
    .map(({ file, cost }) => {
      const old = before === undefined ? [] : costs(before[1], file)
      const was = old.length === 0 ? '' : ` (${before[0]}: ${median(old).toFixed(2)})`
      return `  ${cost.toFixed(2)}  ${file}${was}${isDear({ file, cost }) ? '  MISSED' : ''}`
    })
  const limits = `at most ${LIMITS.file}, with programs ${LIMITS.fileWithPrograms}`
  const title = `CPU seconds of ${rows.length} test files, ${limits}; the dearest:`
  return { lines: [title, ...shown], kept: !rows.some(isDear) }
}

function main() {
  const {
    before = 'HEAD~1',
    rounds,
    help,
  } = readOptions({
    before: text,
    rounds: whole(3, 1, 20),
    help: flag,
  }).values
  if (help) {
    process.stdout.write(HELP)
    return
  }
  const names = before === 'none' ? ['HEAD'] : ['HEAD', before]
  const commits = names.map(commitOf)
  if (git('status', '--porcelain') !== '') {
    console.log('changes that are not committed are not measured')
  }
  const samples = new Map(commits.map(commit => [commit, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [commit, done] of samples) {
      done.push(measureClone(commit))
    }
  }
  const { lines, kept } = reportOf([...samples])
  console.log(lines.join('\n'))
  process.exitCode = kept ? 0 : 1
}

// A test imports the report.
if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main()
}
