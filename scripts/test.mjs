/**
 * What `npm test` runs once set-up is done; USAGE has its arguments. Formatter and linter, type
 * checks, the import rule, the width of comments and the pages are checked beside the quick tests,
 * which wait at first, and before all tests, which take long. With arguments only tests run. With
 * --long, the tests of the addon run under sanitizers, then all tests that scale
 * (test/support/scale.ts) at their full size. A suite has a time limit. The last lines are what did
 * not run, and `N passed, N failed, N skipped`. In CI a skipped kernel test is a failure. Off
 * Linux, only the tests in memory run, and one line names their folders.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { changedFiles } from './changed-files.mjs'
import { reasonToSkipKernelTests } from './kernel-tests.mjs'
import { capture, pathWithNode, tool } from './setup/command.mjs'
import { skippedKernelTests, summary, unfinishedTests } from './test-report.mjs'
import { leftOut, SUITES, select, WrongPath } from './test-selection.mjs'

const USAGE = `Usage: npm test [-- [FILE | FOLDER]... [OPTION of vitest]...]
       npm run test:all [-- [FILE | FOLDER]... [OPTION of vitest]...]
       npm run test:rest [-- [FILE | FOLDER]... [OPTION of vitest]...]
       npm run test:long [-- [FILE | FOLDER]... [OPTION of vitest]...]
       npm run test:SUITE [-- [FILE | FOLDER]... [OPTION of vitest]...]

Without arguments, npm test runs the checks and the quick tests, and test:all also the slow ones
and those of the kernel; test:rest runs what test:all has and npm test has not. With arguments only tests run: the files, and the tests in the folders
that belong to the run. npm test also runs a slow file that is named itself.

  --all       the same as npm run test:all, as the first argument
  --coverage  without other arguments: test:all, which must run 87 % of all lines
  --help      show this help

SUITE is one of: SUITES
`

const root = resolve(import.meta.dirname, '..')
const script = name => join(root, 'scripts', name)

/** Checks that only read sources. They are independent and run in parallel. */
const checks = files => [
  lint(files),
  // These are the tests': set-up has checked the sources. One thread takes a third less CPU time.
  ['types', ...tool('tsc'), '-p', 'test', '--singleThreaded'],
  ['imports', process.execPath, script('check-imports.mjs'), root],
  ['comments and documents', process.execPath, script('check-prose.mjs'), root],
  ['pages', process.execPath, script('check-pages.mjs'), root],
]

/** Formatter and linter, for these files only, unless they are undefined. */
function lint(files) {
  const options = ['--error-on-warnings', '--colors=off', '--no-errors-on-unmatched']
  const biome = [...tool('biome'), 'ci', ...options]
  if (files === undefined) return ['format and lint', ...biome, '.']
  const name = `format and lint of ${files.length} changed files`
  return files.length === 0 ? [name] : [name, ...biome, ...files]
}

// Without the kernel tests most of src/linux does not run, and the threshold means nothing.
const threshold = reasonToSkipKernelTests() === undefined ? ['--coverage.thresholds.lines=87'] : []

/** Milliseconds for the tests of a suite, because an engine may hang. */
function limitOf(run) {
  if (run === 'explore') return 3_600_000
  return SUITES.includes(run) ? 1_800_000 : undefined
}

/** The priority of checks beside tests: a test that waits for the kernel must not be late. */
const NICE = 5

/** The runs by their option. */
const RUNS = new Map(['all', 'rest', 'long', ...SUITES].map(run => [`--${run}`, run]))

/** Returns the paths among the arguments, and the options of vitest with their values. */
async function parse(words) {
  if (!words.some(word => word.startsWith('-'))) return { paths: words, options: [] }
  const { parseCLI } = await import('vitest/node')
  // Each word is replaced by its place, because a value may be the same word as a path.
  const places = words.map((word, i) => (word.startsWith('-') ? word : `word-${i}`))
  const { filter } = parseCLI(['vitest', 'run', ...places])
  const isPath = (_, i) => filter.includes(`word-${i}`)
  return {
    paths: words.filter(isPath),
    options: words.filter((word, i) => !isPath(word, i)),
  }
}

async function main(args) {
  if (args.includes('--help')) {
    process.stdout.write(USAGE.replace('SUITES', SUITES.join(', ').replace('-live', '')))
    return 0
  }
  const words = (RUNS.has(args[0]) ? args.slice(1) : args).filter(word => word !== '--')
  const isCoverage = words.join() === '--coverage' && ['--all', '--coverage'].includes(args[0])
  const run = RUNS.get(args[0]) ?? (isCoverage ? 'all' : 'quick')
  const { paths, options } = isCoverage ? { paths: [], options: words } : await parse(words)
  // Guests need no rights.
  const needsRights = SUITES.includes(run) && run !== 'guest'
  const reason = needsRights ? reasonToSkipKernelTests() : undefined
  if (reason !== undefined) {
    console.error(`vnet: the tests of test/${run} cannot run: ${reason}`)
    return 1
  }
  const selection = select(root, run, paths, [process.cwd(), process.env.INIT_CWD ?? root])
  const isWhole = selection === undefined && (isCoverage || options.length === 0)
  const before = isWhole && run !== 'quick' ? stepsBefore(run) : []
  const failed = await report(before.map(step => start(step)))
  if (failed) return failed
  const beside = isWhole && run === 'quick' ? checks(changedFiles(root)) : []
  const started = beside.map(step => start(step, NICE))
  // Not before: the sanitizers run tests, too.
  setEnvironment(run, selection?.files)
  const vitestOptions = [...options, ...(isWhole && isCoverage ? threshold : [])]
  const { code, lines } = await runVitest(vitestOptions, limitOf(run))
  const failedBeside = await report(started)
  for (const line of [...notRun(run, selection), ...lines]) {
    console.log(line)
  }
  return failedBeside || code
}

/** Returns the steps before the tests of a whole run that takes long. */
function stepsBefore(run) {
  if (run === 'all') return checks()
  return run === 'long' ? [['sanitizers', process.execPath, script('sanitize.mjs')]] : []
}

/** Lines that name the tests which a run leaves out. Other runs than these select one kind. */
function notRun(run, selection) {
  if (!['quick', 'all', 'rest'].includes(run)) return []
  return leftOut(root, run, selection?.folders).map(line => `not run: ${line}`)
}

/** What selects the files and their sizes in vitest.config.mjs. */
function setEnvironment(run, files) {
  const variables = {
    VNET_QUICK: { quick: '1', rest: '0' }[run],
    VNET_LONG: run === 'long' ? '1' : undefined,
    VNET_TEST_FOLDER: SUITES.includes(run) ? run : undefined,
    VNET_TEST_FILES: files?.join('\n'),
  }
  for (const [name, value] of Object.entries(variables)) {
    delete process.env[name]
    if (value !== undefined) {
      process.env[name] = value
    }
  }
}

/**
 * Reports started steps in order, one line each, and the output of each failed one. Returns the
 * exit code of the first failed one, or 0.
 */
async function report(steps) {
  let failed = 0
  for (const step of steps) {
    const { name, code, seconds, output } = await step
    console.log(`${code === 0 ? 'ok' : 'FAILED'}  ${name} (${seconds.toFixed(1)} s)`)
    if (code === 0) continue
    process.stdout.write(output)
    failed ||= exitCode(code)
  }
  return failed
}

/** Starts a step, for a number above 0 with less priority than tests. */
async function start([name, program, ...args], nice = 0) {
  const began = performance.now()
  const result =
    program === undefined
      ? { code: 0, output: '' }
      : await capture(program, args, { cwd: root, nice })
  return { name, seconds: (performance.now() - began) / 1000, ...result }
}

/** Returns the exit code like a shell: 128 plus the signal number if a signal ended the program. */
function exitCode(codeOrSignal) {
  return typeof codeOrSignal === 'number'
    ? codeOrSignal
    : 128 + (constants.signals[codeOrSignal] ?? 0)
}

/** Runs vitest. Returns the exit code, and the last lines of the run. */
async function runVitest(args, limit) {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  const file = join(directory, 'report.json')
  try {
    const code = await vitest(
      ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args],
      limit,
    )
    if (!existsSync(file)) return { code, lines: [] }
    const report = JSON.parse(readFileSync(file, 'utf8'))
    const skipped = process.env.CI ? skippedKernelTests(report, root) : []
    const lines = [
      ...(skipped.length > 0
        ? [`kernel tests must not be skipped in CI: ${skipped.join(', ')}${reason()}`]
        : []),
      ...unfinishedTests(report, root).map(test => `did not end: ${test}`),
      summary(report),
    ]
    return { code: code || (skipped.length > 0 ? 1 : 0), lines }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function reason() {
  const reason = reasonToSkipKernelTests()
  return reason === undefined ? ': skipped by the tests themselves' : `: ${reason}`
}

/** Runs vitest on this terminal, to its end or for `limit` ms. */
function vitest(args, limit) {
  return new Promise((resolve, reject) => {
    const [program, script] = tool('vitest')
    const env = { ...process.env, PATH: pathWithNode() }
    const child = spawn(program, [script, ...args], {
      cwd: root,
      env,
      stdio: 'inherit',
      timeout: limit,
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(exitCode(code ?? signal)))
  })
}

process.exitCode = await main(process.argv.slice(2)).catch(error => {
  if (!(error instanceof WrongPath)) throw error
  console.error(`vnet: ${error.message}`)
  return 2
})
