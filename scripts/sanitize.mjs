/**
 * node scripts/sanitize.mjs [VITEST ARGUMENTS]: builds the addon with AddressSanitizer and
 * UndefinedBehaviorSanitizer, in build/asan, apart from the Release build and only if its sources
 * changed, and runs the unit tests of the addon with it. An error that a sanitizer finds ends the
 * process, so the test fails. The exit code is the failed program's.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { join, resolve } from 'node:path'
import { capture, pathWithNode, run, SetupError, tool } from './setup/command.mjs'
import { digest, filesUnder, isStamped, stamp, unstamp } from './setup/stamp.mjs'
import { nodeHeaders } from './setup/steps.mjs'

const DIRECTORY = 'build/asan'
const ADDON = `${DIRECTORY}/build/Debug/vnet.node`
const STAMP = `${DIRECTORY}/.vnet-addon`

const TESTS = 'test/programs/native'

async function build() {
  const inputs = digest(['binding.gyp', ...filesUnder('native')], [process.arch])
  if (existsSync(ADDON) && isStamped(STAMP, inputs)) return
  unstamp(STAMP)
  rmSync(DIRECTORY, { recursive: true, force: true })
  mkdirSync(DIRECTORY, { recursive: true })
  // Links, so that gyp sees a separate project with the same sources.
  for (const name of ['binding.gyp', 'native']) {
    symlinkSync(join('../..', name), join(DIRECTORY, name))
  }
  const arguments_ = [
    'configure',
    'build',
    'vnet',
    '--jobs',
    'max',
    '--debug',
    '-C',
    DIRECTORY,
    ...nodeHeaders(),
  ]
  await run('building the addon with sanitizers', [...tool('node-gyp'), ...arguments_])
  stamp(STAMP, inputs)
}

/** The runtime of the sanitizers, which must be loaded before Node allocates. */
async function runtime() {
  const { output } = await capture('g++', ['-print-file-name=libasan.so'])
  const file = output.trim()
  if (!file.startsWith('/')) {
    throw new SetupError('vnet: libasan.so not found, please install g++ with its sanitizers')
  }
  return file
}

function test(libasan, args) {
  const [program, script] = tool('vitest')
  const env = {
    ...process.env,
    PATH: pathWithNode(),
    VNET_ADDON: resolve(ADDON),
    LD_PRELOAD: libasan,
    // V8 and Node do not free their memory at exit.
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:strict_string_checks=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  }
  // By name, because the exclude list of a project overrides --exclude.
  const names = readdirSync(TESTS).filter(name => name.endsWith('.test.ts'))
  const files = names.map(name => join(TESTS, name))
  const child = spawn(program, [script, 'run', ...files, ...args], { env, stdio: 'inherit' })
  return new Promise((done, reject) => {
    child
      .on('error', reject)
      .on('close', (code, signal) => done(code ?? 128 + constants.signals[signal]))
  })
}

process.chdir(resolve(import.meta.dirname, '..'))
try {
  await build()
  process.exitCode = await test(await runtime(), process.argv.slice(2))
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
