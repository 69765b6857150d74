/**
 * node scripts/test.mjs [VITEST ARGUMENTS]: what `npm test` runs once set-up is done. Formatter and
 * linter, type checks, the import rule and the width of comments run first, then all tests. It
 * stops at the first step that fails and exits with the code of that step. The files named
 * *.slow.test.ts are left out, except with --all alone, which is `npm test -- --all`, and with
 * --coverage alone, which measures the coverage as well; too little of it is a failure. With other
 * arguments only vitest runs, with them. With --long, which is `npm run test:long`, the tests of
 * the addon run under sanitizers, then all tests that scale (test/support/scale.ts) at their full
 * size. With a folder of LIMITS_MS, such as --labs, which is `npm run test:labs` (--course-live is
 * `npm run test:course`), only the tests of that folder of test/ run, for its time of LIMITS_MS at
 * most. The last line is `N passed, N failed, N skipped`. In CI a skipped kernel test is a failure.
 * Off Linux, only the tests in memory run, and one line names their folders.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { reasonToSkipKernelTests } from './kernel-tests.mjs'
import { capture, pathWithNode, tool } from './setup/command.mjs'
import { skippedKernelTests, summary, unfinishedTests } from './test-report.mjs'

const root = resolve(import.meta.dirname, '..')
const script = name => join(root, 'scripts', name)

/** Checks that only read sources. They are independent and run in parallel. */
const checks = [
  ['format and lint', ...tool('biome'), 'ci', '--error-on-warnings', '--colors=off', '.'],
  // Set-up has compiled the page and so checked its types. One thread takes a third less CPU time.
  ['types', ...tool('tsc'), '-p', 'test', '--singleThreaded'],
  ['imports', process.execPath, script('check-imports.mjs'), root],
  ['comments and documents', process.execPath, script('check-prose.mjs'), root],
]

const sanitizers = [['sanitizers', process.execPath, script('sanitize.mjs')]]

// Without the kernel tests most of src/linux does not run, and the threshold means nothing.
const threshold = reasonToSkipKernelTests() === undefined ? ['--coverage.thresholds.lines=87'] : []

/** Milliseconds for the tests of each folder, because an engine may hang. */
const LIMITS_MS = {
  containers: 1_800_000,
  labs: 1_800_000,
  browsers: 1_800_000,
  explore: 3_600_000,
  'kernel-module': 1_800_000,
  'course-live': 1_800_000,
  install: 1_800_000,
  run: 1_800_000,
  packages: 1_800_000,
  guest: 1_800_000,
  stacks: 1_800_000,
}

async function main(args) {
  const folder = Object.keys(LIMITS_MS).find(name => args[0] === `--${name}`)
  if (folder !== undefined) {
    // Guests need no rights.
    const reason = folder === 'guest' ? undefined : reasonToSkipKernelTests()
    if (reason !== undefined) {
      console.error(`vnet: the tests of test/${folder} cannot run: ${reason}`)
      return 1
    }
    process.env.VNET_TEST_FOLDER = folder
    return runVitest(args.slice(1), LIMITS_MS[folder])
  }
  if (args[0] === '--long') {
    const failed = await runSteps(args.length === 1 ? sanitizers : [])
    // Not before: the sanitizers run the addon's tests, none of which scales.
    process.env.VNET_LONG = '1'
    return failed || (await runVitest(args.slice(1)))
  }
  const [arg, ...others] = args
  if (others.length > 0 || !(arg === undefined || arg === '--all' || arg === '--coverage')) {
    return runVitest(args)
  }
  if (arg === undefined) {
    process.env.VNET_QUICK = '1'
  }
  return (
    (await runSteps(checks)) || (await runVitest(arg === '--coverage' ? [arg, ...threshold] : []))
  )
}

/** Runs steps in parallel and reports them in order, one line each, up to the first failed one. */
async function runSteps(steps) {
  for (const step of steps.map(start)) {
    const { name, code, seconds, output } = await step
    console.log(`${code === 0 ? 'ok' : 'FAILED'}  ${name} (${seconds.toFixed(1)} s)`)
    if (code === 0) continue
    process.stdout.write(output)
    return exitCode(code)
  }
  return 0
}

async function start([name, program, ...args]) {
  const began = performance.now()
  const result = await capture(program, args, { cwd: root })
  return { name, seconds: (performance.now() - began) / 1000, ...result }
}

/** Returns the exit code like a shell: 128 plus the signal number if a signal ended the program. */
function exitCode(codeOrSignal) {
  return typeof codeOrSignal === 'number'
    ? codeOrSignal
    : 128 + (constants.signals[codeOrSignal] ?? 0)
}

async function runVitest(args, limit) {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  const file = join(directory, 'report.json')
  try {
    const code = await vitest(
      ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args],
      limit,
    )
    if (!existsSync(file)) return code
    const report = JSON.parse(readFileSync(file, 'utf8'))
    const skipped = process.env.CI ? skippedKernelTests(report, root) : []
    if (skipped.length > 0) {
      console.log(`kernel tests must not be skipped in CI: ${skipped.join(', ')}${reason()}`)
    }
    for (const test of unfinishedTests(report, root)) {
      console.log(`did not end: ${test}`)
    }
    console.log(summary(report))
    return code || (skipped.length > 0 ? 1 : 0)
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

process.exitCode = await main(process.argv.slice(2))
