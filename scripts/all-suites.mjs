/**
 * node scripts/all-suites.mjs --help: runs every suite of this commit and records each run in a
 * file. Several days and machines may fill the file: runs that it has are not repeated.
 */

import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { npm } from './setup/command.mjs'

const USAGE = `Usage: node scripts/all-suites.mjs [--only SUITE,...] [--times N] [--results FILE]

Runs npm test N times, every second run beside a busy loop on each core, then each suite once, with
CI=true. Records each run with the commit, and prints the runs of this commit as a Markdown table.
The exit code is 1 if a run has failed. Run it as root in a clean clone.

  --only SUITE,...  only these of: SUITES
  --times N         runs of npm test (default 10)
  --results FILE    append each run to FILE (default suites.jsonl); runs of this commit in FILE
                    are not repeated
  --help            show this help
`

/** The arguments of npm for each suite. */
const SUITES = {
  test: ['test'],
  ...Object.fromEntries(
    [
      ...[
        'all',
        'long',
        'browsers',
        'labs',
        'containers',
        'explore',
        'kernel-module',
        'course',
        'install',
        'run',
        'packages',
      ],
      'guest',
      'card',
      'stacks',
    ].map(suite => [suite, ['run', `test:${suite}`]]),
  ),
  docs: ['run', 'docs'],
  release: ['run', 'release', '--', '--dry-run'],
}

const root = resolve(import.meta.dirname, '..')

class WrongUsage extends Error {}

function parse(args) {
  const string = { type: 'string' }
  const options = { only: string, times: string, results: string, help: { type: 'boolean' } }
  let values
  try {
    values = parseArgs({ args, options }).values
  } catch (error) {
    throw new WrongUsage(error.message.split(/[.\n]/)[0])
  }
  const { only, times = '10', results = 'suites.jsonl', help = false } = values
  const suites = only?.split(',') ?? Object.keys(SUITES)
  const unknown = suites.find(suite => !Object.hasOwn(SUITES, suite))
  if (unknown !== undefined) {
    throw new WrongUsage(`--only ${unknown}: expected ${Object.keys(SUITES).join(', ')}`)
  }
  if (!/^[1-9]\d{0,2}$/.test(times)) {
    throw new WrongUsage(`--times ${times}: expected a number from 1 to 999`)
  }
  return { suites, times: Number(times), results, help }
}

/** The npm that runs. */
let running

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

/** Returns the runs of a commit that the file has. */
function runsOf(commit, file) {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  return lines.map(line => JSON.parse(line)).filter(run => run.commit === commit)
}

/** Runs `npm ARGS` on this terminal. Returns the exit code and the last line of counts, if any. */
function runNpm(args) {
  const [program, ...words] = npm()
  const env = { ...process.env, CI: 'true' }
  return new Promise((done, reject) => {
    const child = spawn(program, [...words, ...args], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    running = child
    let counts = ''
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      process.stdout.write(text)
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      counts = lines.findLast(line => /^\d+ passed, \d+ failed, \d+ skipped$/.test(line)) ?? counts
    })
    child.on('error', reject)
    child.on('close', (code, signal) => done({ code: code ?? signal, counts }))
  })
}

/** Runs a suite once, beside `busy` busy loops, and returns the record. */
async function runSuite(commit, suite, busy) {
  // Threads, so that none outlives this process.
  const loops = Array.from({ length: busy }, () => new Worker('for (;;);', { eval: true }))
  const date = new Date().toISOString()
  const start = performance.now()
  const { code, counts } = await runNpm(SUITES[suite])
  for (const loop of loops) {
    await loop.terminate()
  }
  const seconds = Math.round((performance.now() - start) / 1000)
  return { commit, suite, busy, code, counts, seconds, date, node: process.version }
}

/** Prints the runs as a Markdown table. */
function print(commit, runs) {
  console.log(
    `\n${commit}\n\n| suite | busy loops | exit code | result | seconds |\n|---|---|---|---|---|`,
  )
  for (const { suite, busy, code, counts, seconds } of runs) {
    console.log(`| ${suite} | ${busy} | ${code} | ${counts} | ${seconds} |`)
  }
}

async function main(args) {
  const { suites, times, results, help } = parse(args)
  if (help) {
    process.stdout.write(USAGE.replace('SUITES', Object.keys(SUITES).join(', ')))
    return
  }
  const changed = git('status', '--porcelain', '--untracked-files=no')
  if (changed !== '') {
    throw new WrongUsage('each run belongs to a commit: commit your changes first')
  }
  const commit = git('rev-parse', 'HEAD')
  for (const suite of suites) {
    const wanted = suite === 'test' ? times : 1
    const already = runsOf(commit, results).filter(run => run.suite === suite).length
    for (let n = already; n < wanted; n++) {
      const run = await runSuite(commit, suite, n % 2 === 0 ? 0 : availableParallelism())
      appendFileSync(results, `${JSON.stringify(run)}\n`)
    }
  }
  const runs = runsOf(commit, results)
  print(commit, runs)
  process.exitCode = runs.some(({ code }) => code !== 0) ? 1 : 0
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    running?.kill(signal)
    process.exit(1)
  })
}

main(process.argv.slice(2)).catch(error => {
  if (!(error instanceof WrongUsage)) throw error
  process.stderr.write(`all-suites: ${error.message}: see --help\n`)
  process.exitCode = 2
})
