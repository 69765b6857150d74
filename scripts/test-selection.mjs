/**
 * Which test files belong to which run. It follows from a file's name and folder:
 *
 * - long: `*.long.test.ts`, for `npm run test:long`;
 * - slow: `*.slow.test.ts`, and kernel: files in `kernel`, except those in `kernel/smoke`, both for
 *   `npm run test:all`;
 * - quick: all others, for `npm test`.
 *
 * The files of a suite, such as test/labs, belong to none of these runs.
 */

import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { placeOf, runsHere, testFiles } from './kernel-tests.mjs'

/** The suites: folders of test/ with a run of their own, such as `npm run test:labs`. */
export const SUITES = [
  'containers',
  'labs',
  'browsers',
  'explore',
  'kernel-module',
  'course-live',
  'install',
  'run',
  'packages',
  'guest',
  'card',
  'stacks',
]

/** Returns the suite of a test file, or undefined. */
export const suiteOf = name => SUITES.find(suite => placeOf(name).startsWith(`test/${suite}/`))

/** Whether a test is one of the kernel outside of its smoke tests. */
export const isKernel = name => /^test\/kernel\/(?!smoke\/)/.test(placeOf(name))

/**
 * The parts of a run, which run beside each other: tests in the folders `kernel`, which mostly
 * wait, and all others.
 */
export const PARTS = ['kernel', 'others']

/** Returns the part of a test file. */
export const partOf = name => (placeOf(name).startsWith('test/kernel/') ? 'kernel' : 'others')

/** Returns `long`, `slow`, `kernel` or `quick`. */
export function tierOf(name) {
  if (name.endsWith('.long.test.ts')) return 'long'
  if (name.endsWith('.slow.test.ts')) return 'slow'
  return isKernel(name) ? 'kernel' : 'quick'
}

/** Whether a test file has more inputs in a long run. */
const scales = (root, name) => /\/(scale|for-all)\.ts'/.test(readFileSync(join(root, name), 'utf8'))

/**
 * Returns the test files of a run: `quick`, `all` (quick, slow and kernel), `rest` (slow, kernel
 * and long: what a quick run leaves out), `long` (long files, and files that scale) or a suite.
 */
export function filesOfRun(root, run) {
  const isOfRun = name => {
    const tier = tierOf(name)
    if (SUITES.includes(run)) return suiteOf(name) === run
    if (suiteOf(name) !== undefined) return false
    if (run === 'long') return tier === 'long' || scales(root, name)
    if (run === 'rest') return tier !== 'quick'
    return run === 'all' ? tier !== 'long' : tier === run
  }
  return testFiles(root).filter(
    name => name.endsWith('.test.ts') && runsHere(name) && isOfRun(name),
  )
}

/** Returns the run that the environment of vitest selects; without variables it is `all`. */
export function runOf(env = process.env) {
  const { VNET_TEST_FOLDER, VNET_LONG, VNET_QUICK } = env
  if (VNET_TEST_FOLDER) return VNET_TEST_FOLDER
  if (VNET_LONG === '1') return 'long'
  if (VNET_QUICK === '1') return 'quick'
  return VNET_QUICK === '0' ? 'rest' : 'all'
}

/** Returns the name of a run among the scripts of package.json. */
export function scriptOf(run) {
  if (run === 'quick') return 'test'
  return `test:${run === 'course-live' ? 'course' : run}`
}

const commandOf = run => (run === 'quick' ? 'npm test' : `npm run ${scriptOf(run)}`)

/** A path that selects no test. The message is one line that says what to do. */
export class WrongPath extends Error {}

/**
 * Returns the files of `run` that `paths` name, and the folders among the paths, or undefined if
 * all files of the run are selected. Paths are relative to one of `places`, the first of which is
 * the working directory: in a package, as in `npm test -w packages/lab`, it is selected if no paths
 * are given. A quick run also has the slow and kernel files that are named themselves.
 */
export function select(root, run, paths, places) {
  const [home] = /^packages\/[^/]+/.exec(nameIn(root, places[0])) ?? []
  const selected = paths.length === 0 && home !== undefined ? [home] : paths
  if (selected.length === 0) return undefined
  const named = selected.map(path => {
    const absolute = [...places, root].map(place => resolve(place, path)).find(existsSync)
    if (absolute === undefined) throw new WrongPath(`${path}: no such file or folder`)
    const name = nameIn(root, realpathSync(absolute))
    const isFolder = statSync(absolute).isDirectory()
    return { name, isFolder, files: filesAt(root, run, name, isFolder) }
  })
  return {
    files: [...new Set(named.flatMap(({ files }) => files))].sort(),
    folders: named.filter(({ isFolder }) => isFolder).map(({ name }) => name),
  }
}

const nameIn = (root, path) => relative(root, path).replaceAll(sep, '/')

/** Whether a file is a named one, or in a named folder; '' is the folder of the repository. */
const isAt = (name, file) => name === '' || file === name || file.startsWith(`${name}/`)

/** Returns the files of `run` that `name` stands for, at least one. */
function filesAt(root, run, name, isFolder) {
  const filesOf = other => filesOfRun(root, other).filter(file => isAt(name, file))
  const files = filesOf(run === 'quick' && !isFolder ? 'all' : run)
  if (files.length > 0) return files
  const other = ['quick', 'all', 'long', ...SUITES].find(other => filesOf(other).length > 0)
  if (other !== undefined) {
    throw new WrongPath(`${name} is not in this run: ${commandOf(other)} -- ${name}`)
  }
  throw new WrongPath(
    isFolder ? `${name}: no tests in this folder` : `${name} is not a test: expected *.test.ts`,
  )
}

/** Returns what a quick run, all tests or the rest leave out of `folders`, and how to run it. */
export function leftOut(root, run, folders = ['']) {
  const files = testFiles(root).filter(
    file => file.endsWith('.test.ts') && folders.some(name => isAt(name, file)),
  )
  const names = folders.filter(name => name !== '')
  const selected = names.length > 0 ? ` -- ${names.join(' ')}` : ''
  const count = tier => files.filter(file => !suiteOf(file) && tierOf(file) === tier).length
  const [slow, kernel, long] = [count('slow'), count('kernel'), count('long')]
  const suites = SUITES.filter(suite => files.some(file => suiteOf(file) === suite))
  const lines = []
  if (run === 'quick' && slow + kernel > 0) {
    lines.push(`slow files (${slow}), kernel files (${kernel}): ${commandOf('all')}${selected}`)
  }
  if (run !== 'rest' && long > 0) {
    lines.push(`long files (${long}): ${commandOf('long')}${selected}`)
  }
  if (suites.length > 0) {
    const scripts = suites.map(scriptOf).join(', ')
    lines.push(`suites (${suites.length}): npm run ${scripts}${selected}`)
  }
  return lines
}
