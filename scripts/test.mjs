/**
 * What `npm test` runs once set-up is done; USAGE has its arguments. Formatter and linter, type
 * checks, the import rule, the width of comments and the pages are checked beside the quick tests,
 * which wait at first, and before all tests, which take long. With arguments only tests run. With
 * --rest and --long, the tests of the addon also run under sanitizers, and with --long all tests
 * that scale (test/support/scale.ts) at their full size. A suite has a time limit. The last lines
 * are what did not run, and `N passed, N failed, N skipped`. In CI a skipped kernel test is a
 * failure. Off Linux, only the tests in memory run, and one line names their folders.
 */

import { join, resolve } from 'node:path'
import { changedFiles } from './changed-files.mjs'
import { reasonToSkipKernelTests } from './kernel-tests.mjs'
import { capture, exitCode, tool } from './setup/command.mjs'
import {
  failedTests,
  skippedKernelTests,
  stepLine,
  summary,
  unfinishedTests,
} from './test-report.mjs'
import { filesOfRun, leftOut, PARTS, partOf, SUITES, select, WrongPath } from './test-selection.mjs'
import { runVitest } from './vitest-runs.mjs'

const USAGE = `Usage: npm test [-- [FILE | FOLDER]... [OPTION of vitest]...]
       npm run test:all [-- [FILE | FOLDER]... [OPTION of vitest]...]
       npm run test:rest [-- [FILE | FOLDER]... [OPTION of vitest]...]
       npm run test:long [-- [FILE | FOLDER]... [OPTION of vitest]...]
       npm run test:SUITE [-- [FILE | FOLDER]... [OPTION of vitest]...]

Without arguments, npm test runs the checks and the quick tests, and test:all also the slow ones
and those of the kernel; test:rest runs what npm test leaves out, except suites. With arguments only
tests run: the files, and the tests in the folders that belong to the run. npm test also runs a slow
file that is named itself.

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

/** Builds the addon with sanitizers and runs its tests, beside the tests of the kernel. */
const SANITIZERS = ['sanitizers', process.execPath, script('sanitize.mjs')]

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

/**
 * Milliseconds for the quick tests, because a change may loop for ever, and for those of a suite,
 * because an engine may hang. Explorations take half an hour, and so do the 600 drivers of the
 * course in two browsers.
 */
function limitOf(run) {
  if (run === 'quick') return 900_000
  if (['explore', 'browsers'].includes(run)) return 3_600_000
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
  const before = isWhole && run === 'all' ? checks() : []
  const failed = await report(before.map(step => start(step)))
  if (failed) return failed
  const beside = isWhole && run === 'quick' ? checks(changedFiles(root)) : []
  const started = beside.map(step => start(step, NICE))
  const result = await runVitest(partsOf(run, selection?.files, options), {
    root,
    args: [...options, ...(isWhole && isCoverage ? threshold : [])],
    variables: variablesOf(run, selection?.files),
    limit: limitOf(run),
    before: isWhole && ['rest', 'long'].includes(run) ? SANITIZERS : undefined,
  })
  const failedBeside = await report(started)
  const { lines, wasSkipped } = linesOf(result.report)
  for (const line of [...notRun(run, selection), ...lines]) {
    console.log(line)
  }
  return failedBeside || result.code || Number(wasSkipped)
}

/** Lines that name the tests which a run leaves out. Other runs than these select one kind. */
function notRun(run, selection) {
  if (!['quick', 'all', 'rest'].includes(run)) return []
  return leftOut(root, run, selection?.folders).map(line => `not run: ${line}`)
}

/** What selects the files and their sizes in vitest.config.mjs. */
const variablesOf = (run, files) => ({
  VNET_QUICK: { quick: '1', rest: '0' }[run],
  VNET_LONG: run === 'long' ? '1' : undefined,
  VNET_TEST_FOLDER: SUITES.includes(run) ? run : undefined,
  VNET_TEST_FILES: files?.join('\n'),
})

/**
 * Returns the parts that a run of these files has. Quick tests of the kernel are few, and options
 * such as --coverage are for one vitest.
 */
function partsOf(run, files, options) {
  const names = files ?? filesOfRun(root, run)
  const parts = PARTS.filter(part => names.some(name => partOf(name) === part))
  const isOne = !['all', 'rest', 'long'].includes(run) || options.length > 0 || parts.length < 2
  return isOne ? [undefined] : parts
}

/**
 * Reports started steps in order, one line each, and the output of each failed one. Returns the
 * exit code of the first failed one, or 0.
 */
async function report(steps) {
  let failed = 0
  for (const step of steps) {
    const { name, code, seconds, output } = await step
    console.log(stepLine(name, code, seconds))
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

/** Returns the last lines about the tests, and whether kernel tests were skipped in CI. */
function linesOf(report) {
  if (report === undefined) return { lines: [], wasSkipped: false }
  const unfinished = unfinishedTests(report, root).map(test => `did not end: ${test}`)
  const failed = failedTests(report, root).map(test => `failed: ${test}`)
  const lines = [...failed, ...unfinished, summary(report)]
  const skipped = process.env.CI ? skippedKernelTests(report, root) : []
  if (skipped.length === 0) return { lines, wasSkipped: false }
  const reason = reasonToSkipKernelTests() ?? 'skipped by the tests themselves'
  const line = `kernel tests must not be skipped in CI: ${skipped.join(', ')}: ${reason}`
  return { lines: [line, ...lines], wasSkipped: true }
}

process.exitCode = await main(process.argv.slice(2)).catch(error => {
  if (!(error instanceof WrongPath)) throw error
  console.error(`vnet: ${error.message}`)
  return 2
})
