/**
 * node scripts/prebuild.mjs [TARGET...]: builds the addon and the launchers in prebuilds/TARGET, so
 * that an installation runs no script and needs no compiler. The targets are linux-x64 and
 * linux-arm64; by default both. They are built with Debian's compilers; root installs missing ones.
 * A target that is up to date is left alone.
 */

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { capture, isInstalled, run, SetupError, tool } from './setup/command.mjs'
import { withLock } from './setup/lock.mjs'
import { setUp } from './setup/main.mjs'
import { BUILT_FILES, fileOf, inputsOf, isCurrent, OWN, stampOf } from './setup/prebuilds.mjs'
import { stamp, unstamp } from './setup/stamp.mjs'
import { nodeHeaders } from './setup/steps.mjs'
import { installPrograms } from './setup/test-tools.mjs'

const root = resolve(import.meta.dirname, '..')

/** The machine of each target by readelf, and its compiler with its Debian package. */
const TARGETS = {
  'linux-x64': {
    machine: 'X86-64',
    prefix: 'x86_64-linux-gnu-',
    packages: { 'x86_64-linux-gnu-g++': 'g++-x86-64-linux-gnu' },
  },
  'linux-arm64': {
    machine: 'AArch64',
    prefix: 'aarch64-linux-gnu-',
    packages: { 'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu' },
  },
}

/** The package runs with glibc 2.34 and newer. */
const GLIBC_MINOR = 34

/** Builds the targets that are due, and removes other ones that are out of date. */
export async function prebuild(targets) {
  if (process.platform !== 'linux') throw new SetupError('vnet: the package is built on Linux')
  process.chdir(root)
  // Before set-up, which under sudo becomes the owner of the tree for good.
  for (const target of targets) {
    const { packages } = TARGETS[target] ?? {}
    if (target !== OWN && !isCurrent(target)) {
      await installPrograms(packages, `prebuilds for ${target} need`)
    }
  }
  await setUp({ programs: true, types: true })
  await withLock(join(root, '.setup-lock'), async () => {
    for (const target of targets) {
      if (!isCurrent(target)) {
        await build(target)
      }
    }
    const directory = 'prebuilds'
    for (const target of existsSync(directory) ? readdirSync(directory) : []) {
      if (!isCurrent(target)) {
        rmSync(join(directory, target), { recursive: true })
      }
    }
  })
}

async function build(target) {
  const { machine, prefix } = TARGETS[target] ?? { prefix: '' }
  unstamp(stampOf(target))
  const now = inputsOf(target)
  const from = target === OWN ? 'build/Release' : await cross(target, prefix)
  mkdirSync(`prebuilds/${target}`, { recursive: true })
  for (const name of BUILT_FILES) {
    const unfinished = fileOf(target, `.${name}-${process.pid}`)
    copyFileSync(join(from, name), unfinished)
    const strip = [`${prefix}strip`, 'strip'].find(program => isInstalled(program))
    // Without its symbols, too: an addon keeps the symbols that Node looks up.
    if (strip !== undefined) {
      await run(`stripping ${target}/${name}`, [strip, '--strip-unneeded', unfinished])
    }
    renameSync(unfinished, fileOf(target, name))
    if (machine !== undefined) {
      await verify(target, name, machine)
    }
  }
  stamp(stampOf(target), now)
}

/** Builds for another machine. Returns the directory of the files. */
async function cross(target, prefix) {
  const directory = join('build', target)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const name of ['binding.gyp', 'native']) {
    symlinkSync(join('../..', name), join(directory, name))
  }
  process.env.CC = `${prefix}gcc`
  process.env.CXX = `${prefix}g++`
  process.env.AR = `${prefix}ar`
  const options = [
    'configure',
    'build',
    '--jobs',
    'max',
    `--arch=${target.split('-')[1]}`,
    '-C',
    directory,
    ...nodeHeaders(),
  ]
  try {
    await run(`building for ${target}`, [...tool('node-gyp'), ...options])
  } finally {
    for (const name of ['CC', 'CXX', 'AR']) {
      delete process.env[name]
    }
  }
  return join(directory, 'build/Release')
}

async function verify(target, name, machine) {
  const file = fileOf(target, name)
  const { output } = await capture('readelf', ['-hW', file])
  if (!output.includes(machine)) throw new SetupError(`vnet: ${file} is not for ${machine}`)
}

/** Returns the minor of the newest glibc 2 that `readelf -VW` lists for a file, or 0. */
export function newestGlibc(listed) {
  const minors = [...listed.matchAll(/\bGLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
  return Math.max(...minors, 0)
}

/** Refuses files that need a newer glibc than the package promises. */
async function verifyGlibc(target) {
  for (const name of BUILT_FILES) {
    const file = fileOf(target, name)
    const newest = newestGlibc((await capture('readelf', ['-VW', file])).output)
    if (newest > GLIBC_MINOR) {
      throw new SetupError(
        `vnet: ${file} needs glibc 2.${newest}, not 2.${GLIBC_MINOR}: build it on Debian 12`,
      )
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  const wrong = process.argv.slice(2).filter(target => !Object.hasOwn(TARGETS, target))
  try {
    if (wrong.length > 0) {
      throw new SetupError(`vnet: ${wrong[0]}: the targets are ${Object.keys(TARGETS).join(', ')}`)
    }
    const targets = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(TARGETS)
    await prebuild(targets)
    for (const target of targets) {
      await verifyGlibc(target)
    }
    process.stderr.write(`vnet: prebuilds has ${readdirSync('prebuilds').join(', ')}\n`)
  } catch (error) {
    if (!error.advice) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = wrong.length > 0 ? 2 : 1
  }
}
