/**
 * node scripts/test.mjs [VITEST ARGUMENTS]: what `npm test` runs once set-up is done. Formatter and linter, type checks and
 * the import rule, then the sanitizer build's tests, then all tests with coverage; it stops at the first that fails.
 * With arguments only vitest runs, with them; after --long it runs what is scaled up for `npm run test:long`
 * (test/support/scale.ts). The last line is `N passed, N failed, N skipped`. In CI a skipped kernel
 * test is a failure. The exit code is that of what failed.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { reasonToSkipKernelTests } from './kernel-tests.mjs'
import { capture, pathWithNode, tool } from './setup/command.mjs'
import { skippedKernelTests, summary } from './test-report.mjs'

const root = resolve(import.meta.dirname, '..')
const script = name => join(root, 'scripts', name)

/** Checks that read sources only: they do not depend on each other and run side by side. */
const checks = [
  ['format and lint', ...tool('biome'), 'ci', '--error-on-warnings', '--colors=off', '.'],
  ['types of src', ...tool('tsc'), '-p', '.', '--noEmit'],
  ['types of test', ...tool('tsc'), '-p', 'test'],
  ['imports', process.execPath, script('check-imports.mjs'), root],
]

const sanitizers = [['sanitizers', process.execPath, script('sanitize.mjs')]]

// Without the kernel tests most of src/kernel is not run, and the threshold says nothing.
const fullRun = ['--coverage', ...(reasonToSkipKernelTests() === undefined ? ['--coverage.thresholds.lines=90'] : [])]

async function main(args) {
  if (args[0] === '--long') {
    process.env.VNET_LONG = '1'
    return runVitest(args.slice(1))
  }
  if (args.length > 0) return runVitest(args)
  return (await runSteps(checks)) || (await runSteps(sanitizers)) || (await runVitest(fullRun))
}

/** Runs steps side by side and tells each in one line, in order; after one that failed no other is told. */
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

/** As a shell gives it: 128 and the signal's number for a program that a signal ended. */
function exitCode(codeOrSignal) {
  return typeof codeOrSignal === 'number' ? codeOrSignal : 128 + (constants.signals[codeOrSignal] ?? 0)
}

async function runVitest(args) {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  const file = join(directory, 'report.json')
  try {
    const code = await vitest(['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args])
    if (!existsSync(file)) return code
    const report = JSON.parse(readFileSync(file, 'utf8'))
    const skipped = process.env.CI ? skippedKernelTests(report, root) : []
    if (skipped.length > 0) console.log(`kernel tests must not be skipped in CI: ${skipped.join(', ')}${reason()}`)
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

/** Runs vitest on this terminal, to its end. */
function vitest(args) {
  return new Promise((resolve, reject) => {
    const [program, script] = tool('vitest')
    const env = { ...process.env, PATH: pathWithNode() }
    const child = spawn(program, [script, ...args], { cwd: root, env, stdio: 'inherit' })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(exitCode(code ?? signal)))
  })
}

process.exitCode = await main(process.argv.slice(2))
