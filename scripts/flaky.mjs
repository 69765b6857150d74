/**
 * node scripts/flaky.mjs --help: runs test files many times on a machine that is made busy and in
 * processes that are stopped at random, and prints which files fail how often. It is not a part of
 * `npm test`. Run it after set-up (`node scripts/setup.mjs --test`), as root.
 */

import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { testFiles } from './kernel-tests.mjs'
import { tool } from './setup/command.mjs'

const USAGE = `Usage: node scripts/flaky.mjs [OPTIONS] [TEXT...]

Runs the test files whose path contains a TEXT (all without one) many times, beside busy loops and
with the test process stopped (SIGSTOP) at random, and prints which files fail how often. The exit
code is 1 if a file has failed.

  --times N      runs of each file (default 20)
  --results FILE append each run to FILE, and count the runs that are in it (default flaky.jsonl);
                 name another file, or remove this one, after a change
  --minutes N    start no more runs after N minutes; the same command continues later
  --together N   files that run at the same time in one vitest (default 8)
  --busy N       busy loops (default: one for each core)
  --list         list the files that are not stopped, with the reason, and exit
  --help         show this help
`

/** Files that measure time. Their processes are not stopped. */
const MEASURING = {
  'packages/lan/test/fuzz/services.slow.test.ts': 'a block of messages has a limit of CPU time',
}

/** Milliseconds, random between the two. */
const RUNS = [0, 3000]
const STOPS = [1000, 3000]
/** Milliseconds between two looks for new test processes. */
const LOOK = 100
/** Milliseconds after which the files of a run that have not ended count as failed. */
const LIMIT = 1_200_000
/** The program of vitest that runs test files. Its other processes are not stopped. */
const TEST_PROCESS = 'vitest/dist/workers/forks.js'

const root = resolve(import.meta.dirname, '..')

class WrongUsage extends Error {}

function parse(args) {
  const string = { type: 'string' }
  const boolean = { type: 'boolean' }
  const options = { times: string, results: string, minutes: string, together: string, busy: string }
  try {
    return parseArgs({ args, allowPositionals: true, options: { ...options, list: boolean, help: boolean } })
  } catch (error) {
    throw new WrongUsage(error.message.split(/[.\n]/)[0])
  }
}

function count(values, name, least, otherwise) {
  const text = values[name]
  if (text === undefined) return otherwise
  if (!/^\d+$/.test(text) || Number(text) < least)
    throw new WrongUsage(`--${name} ${text}: expected a number, at least ${least}`)
  return Number(text)
}

/** Returns the test files with one of `texts` in their path, except the long tests. */
function filesWith(texts) {
  const files = testFiles(root)
    .filter(name => /(?<!\.long)\.test\.ts$/.test(name))
    .sort()
  for (const text of texts) {
    if (!files.some(file => file.includes(text))) throw new WrongUsage(`no test file contains ${text} in its path`)
  }
  return texts.length === 0 ? files : files.filter(file => texts.some(text => file.includes(text)))
}

/** Returns the runs of each file, each with the titles and messages of its failures. */
function readResults(path) {
  const runs = new Map()
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
  for (const line of lines) {
    const { file, failures } = JSON.parse(line)
    runs.set(file, [...(runs.get(file) ?? []), failures])
  }
  return runs
}

/** Returns the files of the next vitest: those with the fewest runs, and all stopped or none. */
function nextFiles(files, runs, times, together) {
  const done = file => runs.get(file)?.length ?? 0
  const fewest = Math.min(...files.map(done))
  if (fewest >= times) return []
  const due = files.filter(file => done(file) === fewest)
  const isMeasuring = file => file in MEASURING
  return due.filter(file => isMeasuring(file) === isMeasuring(due[0])).slice(0, together)
}

/** The process ids of the test processes of a vitest. */
function testProcesses(vitest) {
  return children(vitest).filter(pid => readProc(`${pid}/cmdline`).includes(TEST_PROCESS))
}

function children(pid) {
  const threads = existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`) : []
  return threads.flatMap(thread => readProc(`${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number))
}

/** Returns '' if the process has ended. */
function readProc(path) {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}

/** Sends a signal to a process that may have ended. */
function send(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

const between = ([least, most]) => least + Math.random() * (most - least)

/** Stops each test process of a vitest again and again, until `signal` is aborted. */
async function stopTestProcesses(vitest, signal) {
  const known = new Set()
  while (!signal.aborted) {
    for (const pid of testProcesses(vitest)) {
      if (known.has(pid)) continue
      known.add(pid)
      stopAgainAndAgain(pid, signal)
    }
    await sleep(LOOK)
  }
}

async function stopAgainAndAgain(pid, signal) {
  const isRunning = () => !signal.aborted && readProc(`${pid}/cmdline`).includes(TEST_PROCESS)
  while (isRunning()) {
    await sleep(between(RUNS))
    if (!isRunning()) return
    send(pid, 'SIGSTOP')
    await sleep(between(STOPS), undefined, { signal }).catch(() => {})
    send(pid, 'SIGCONT')
  }
}

/** Runs files in one vitest. Returns the failures by file, each as `{ title, message }`. */
async function runFiles(files, directory) {
  const report = join(directory, 'report.json')
  rmSync(report, { force: true })
  const [program, script] = tool('vitest')
  const args = [script, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...files]
  // A process group, so that a vitest that does not end is killed with all its children.
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text))
  const end = new AbortController()
  const killAll = () => send(-child.pid, 'SIGKILL')
  const timer = setTimeout(killAll, LIMIT)
  process.on('exit', killAll)
  if (!(files[0] in MEASURING)) stopTestProcesses(child.pid, end.signal)
  const code = await new Promise((done, reject) => child.on('error', reject).on('close', done))
  clearTimeout(timer)
  process.off('exit', killAll)
  end.abort()
  return failuresByFile(files, code, existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined, output)
}

function failuresByFile(files, code, report, output) {
  const byFile = new Map()
  for (const { name, status, message, assertionResults } of report?.testResults ?? []) {
    const failures = assertionResults
      .filter(({ status }) => !['passed', 'skipped', 'todo'].includes(status))
      .map(({ fullName, failureMessages }) => ({ title: fullName, message: failureMessages.join('\n') }))
    if (status === 'failed' && failures.length === 0) failures.push({ title: 'the file', message })
    byFile.set(relative(root, name), failures)
  }
  const missing = { title: 'the file did not end', message: output }
  for (const file of files) if (!byFile.has(file)) byFile.set(file, [missing])
  // An error outside of tests fails the run only, and vitest prints the file, if it is known.
  if (code !== 0 && [...byFile.values()].every(failures => failures.length === 0)) {
    const sources = new Set(output.match(/(?<=originated in ")[^"]+/g))
    const guilty = files.filter(file => sources.has(file))
    for (const file of guilty.length > 0 ? guilty : files) byFile.set(file, [{ title: 'no test', message: output }])
  }
  return byFile
}

/** Prints the files that failed, and how often. Returns whether one did. */
function print(files, runs, times) {
  let failed = 0
  for (const file of files) {
    const done = runs.get(file) ?? []
    const failing = done.filter(failures => failures.length > 0)
    if (failing.length === 0) continue
    failed++
    console.log(`${file}: ${failing.length} of ${done.length} failed`)
    for (const title of new Set(failing.flat().map(({ title }) => title))) console.log(`  ${title}`)
  }
  const left = files.reduce((sum, file) => sum + Math.max(0, times - (runs.get(file)?.length ?? 0)), 0)
  console.log(`${files.length} files, ${failed} failed${left === 0 ? '' : `, ${left} runs left`}`)
  return failed > 0
}

async function main(args) {
  const { values, positionals } = parse(args)
  if (values.help) return void process.stdout.write(USAGE)
  if (values.list) return void Object.entries(MEASURING).map(([file, why]) => console.log(`${file}: ${why}`))
  const files = filesWith(positionals)
  const results = values.results ?? 'flaky.jsonl'
  const times = count(values, 'times', 1, 20)
  const together = count(values, 'together', 1, 8)
  const busy = count(values, 'busy', 0, availableParallelism())
  const end = performance.now() + count(values, 'minutes', 0, Number.POSITIVE_INFINITY) * 60_000
  const runs = readResults(results)
  const directory = mkdtempSync(join(tmpdir(), 'vnet-flaky-'))
  // Threads, so that none outlives this process.
  const loops = Array.from({ length: busy }, () => new Worker('for (;;);', { eval: true }))
  try {
    while (performance.now() < end) {
      const next = nextFiles(files, runs, times, together)
      if (next.length === 0) break
      for (const [file, failures] of await runFiles(next, directory)) {
        runs.set(file, [...(runs.get(file) ?? []), failures])
        appendFileSync(results, `${JSON.stringify({ file, failures })}\n`)
        for (const { title } of failures) console.log(`FAILED ${file}: ${title}`)
      }
    }
  } finally {
    for (const loop of loops) await loop.terminate()
    rmSync(directory, { recursive: true })
  }
  process.exitCode = print(files, runs, times) ? 1 : 0
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

main(process.argv.slice(2)).catch(error => {
  if (!(error instanceof WrongUsage)) throw error
  process.stderr.write(`flaky: ${error.message}: see --help\n`)
  process.exitCode = 2
})
