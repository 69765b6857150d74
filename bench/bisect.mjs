/**
 * Finds the commit that made vnet slower: `node bench/bisect.mjs GOOD BAD`. Both are built beside
 * this tree, and measured in turns until the interval of their ratio is narrow. The commits between
 * them are then halved until one is left. See README.md here.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { METRICS } from './metrics.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const HOME = `${root}build/bench/bisect`

const HELP = `Usage: node bench/bisect.mjs GOOD BAD [OPTIONS]

Finds the first commit after GOOD, up to BAD, in which a figure of vnet is worse.

  --only PART     part of the benchmark, with a candidate \`vnet\` (default cable)
  --metric NAME   the figure (default udp64)
  --width PERCENT measure until the interval of the ratio is this narrow (default 2)
  --rounds N      but at most so many rounds of each pair (default 40)
  --least PERCENT a smaller loss does not count (default 2)
  --secs S        seconds per measurement (default 1)
  --help
`

class UsageError extends Error {}

/** Half of a 95 % interval, in standard errors: Student's t by degrees of freedom, 2 beyond 30. */
const T = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23]
const student = freedom => T[freedom - 1] ?? (freedom > 30 ? 2 : 2.2)

/**
 * Returns the mean ratio of paired samples, `new / old`, and the ends of its 95 % interval.
 * @param {[number, number][]} pairs of old and new
 */
export function ratioOf(pairs) {
  const logs = pairs.map(([old, now]) => Math.log(now / old))
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / Math.max(1, logs.length - 1)
  const half = logs.length < 2 ? Number.POSITIVE_INFINITY : student(logs.length - 1) * Math.sqrt(variance / logs.length)
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) }
}

/**
 * Measures pairs until the interval of their ratio is narrower than `width`, or lies on one side of
 * 1, or `most` pairs were measured. Returns `{ ratio, low, high, rounds }`.
 */
export async function settle(measure, { width, most }) {
  const pairs = []
  for (;;) {
    pairs.push(await measure(pairs.length))
    const found = ratioOf(pairs)
    const isNarrow = found.high - found.low <= width
    if (pairs.length >= most || (pairs.length >= 3 && isNarrow)) return { ...found, rounds: pairs.length }
  }
}

/**
 * Returns the first worse commit of `commits`, of which the last is worse than the one before the
 * first. `isWorse(commit)` is undefined for a commit that cannot be built: its neighbours are tried
 * instead. Returns all candidates if only such commits are left.
 */
export async function firstWorse(commits, isWorse) {
  let left = 0
  let right = commits.length - 1
  const broken = new Set()
  while (left < right) {
    const middle = (left + right) >> 1
    const between = Array.from({ length: right - left }, (_, i) => left + i).filter(at => !broken.has(at))
    if (between.length === 0) break
    const at = between.reduce((best, other) => (Math.abs(other - middle) < Math.abs(best - middle) ? other : best))
    const worse = await isWorse(commits[at])
    if (worse === undefined) broken.add(at)
    else if (worse) right = at
    else left = at + 1
  }
  return commits.slice(left, right + 1)
}

const git = (...args) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim()

function commitOf(name) {
  try {
    return git('rev-parse', '--verify', '--quiet', `${name}^{commit}`)
  } catch {
    throw new UsageError(`${name}: no commit of this repository`)
  }
}

/** Builds a commit in a tree of its own; returns false if it does not build. */
function build(commit) {
  const tree = `${HOME}/${commit}`
  if (existsSync(`${tree}/built`)) return true
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(HOME, { recursive: true })
  git('worktree', 'prune')
  git('worktree', 'add', '--force', '--detach', tree, commit)
  const run = (...argv) => execFileSync(argv[0], argv.slice(1), { cwd: tree, stdio: ['ignore', 'ignore', 'pipe'] })
  try {
    const lock = 'package-lock.json'
    if (readFileSync(`${tree}/${lock}`, 'utf8') === readFileSync(`${root}${lock}`, 'utf8'))
      cpSync(`${root}node_modules`, `${tree}/node_modules`, { recursive: true, verbatimSymlinks: true })
    else run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund')
    run(process.execPath, 'scripts/setup.mjs')
    symlinkSync('dist/vnet.js', `${tree}/built`)
    return true
  } catch (error) {
    console.error(
      `${commit.slice(0, 8)} does not build: ${String(error.stderr || error.message)
        .trim()
        .split('\n')
        .at(-1)}`,
    )
    return false
  }
}

/** Returns one sample of the vnet of a commit's tree, by the benchmark of this tree. */
function measureTree(commit, { only, metric, secs }) {
  const words = [`${root}bench/bench.mjs`, '--only', only, '--candidates', 'vnet', '--metrics', metric]
  const env = { ...process.env, VNET_BENCH_PROGRAM: path.join(HOME, commit, 'dist/vnet.js') }
  const argv = [...words, '--rounds', '1', '--secs', secs, '--json', '-']
  const text = execFileSync(process.execPath, argv, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] })
  return JSON.parse(text).cases[0].summary.vnet[metric].median
}

function parse(args) {
  const string = { type: 'string' }
  const options = { only: string, metric: string, width: string, rounds: string, least: string, secs: string }
  let parsed
  try {
    parsed = parseArgs({ args, options: { ...options, help: { type: 'boolean' } }, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error.message.split('. ', 1)[0])
  }
  const { values, positionals } = parsed
  if (values.help) return { help: true }
  if (positionals.length !== 2) throw new UsageError('two commits are needed: bisect.mjs GOOD BAD')
  const { only = 'cable', metric = 'udp64', width = '2', rounds = '40', least = '2', secs = '1' } = values
  if (!Object.hasOwn(METRICS, metric)) throw new UsageError(`--metric ${metric}: unknown`)
  const number = (name, text) => {
    if (text.trim() !== '' && Number(text) > 0) return Number(text)
    throw new UsageError(`--${name} ${text}: not a number above 0`)
  }
  return {
    ends: positionals,
    only,
    metric,
    secs,
    width: number('width', width) / 100,
    most: number('rounds', rounds),
    least: number('least', least) / 100,
  }
}

async function main(argv) {
  const options = parse(argv)
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const [good, bad] = options.ends.map(commitOf)
  const commits = git('rev-list', '--first-parent', '--reverse', `${good}..${bad}`).split('\n')
  if (!commits.includes(bad)) throw new UsageError(`${options.ends[1]} does not follow ${options.ends[0]}`)
  const isBetterHigher = METRICS[options.metric].better === 'higher'
  const isWorse = async commit => {
    if (!build(commit)) return undefined
    const measure = round => {
      const [first, second] = round % 2 === 0 ? [good, commit] : [commit, good]
      const samples = { [first]: measureTree(first, options), [second]: measureTree(second, options) }
      return [samples[good], samples[commit]]
    }
    const { ratio, low, high, rounds } = await settle(measure, options)
    const worse = isBetterHigher ? ratio < 1 - options.least : ratio > 1 + options.least
    const span = `${ratio.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}, ${rounds} rounds)`
    console.log(
      `${commit.slice(0, 8)} ${span} ${worse ? 'worse' : 'not worse'}: ${git('log', '-1', '--format=%s', commit)}`,
    )
    return worse
  }
  try {
    if (!build(good)) throw new Error(`${good} does not build`)
    if (!(await isWorse(bad))) {
      console.log(`${bad.slice(0, 8)} is not worse than ${good.slice(0, 8)}`)
      return 0
    }
    const found = await firstWorse(commits, isWorse)
    const one = found.length === 1 ? 'the first worse commit' : 'one of these, which do not build'
    console.log(`${one}:\n${found.map(commit => git('log', '-1', '--format=%h %s', commit)).join('\n')}`)
    return 1
  } finally {
    for (const commit of [good, ...commits]) rmSync(`${HOME}/${commit}`, { recursive: true, force: true })
    git('worktree', 'prune')
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of ['SIGINT', 'SIGTERM'])
    process.on(name, () => {
      rmSync(HOME, { recursive: true, force: true })
      git('worktree', 'prune')
      process.exit(130)
    })
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error(`bisect: ${error.message.split('\n', 1)[0]}`)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}
