/** The set-up itself, loaded once Node is known to be new enough: see ../setup.mjs. */

import { closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { isInstalled, SetupError } from './command.mjs'
import { downloadArm64 } from './guest-arm64.mjs'
import { downloadGuestKernel } from './guest-kernel.mjs'
import { withLock } from './lock.mjs'
import { isCurrent, OWN } from './prebuilds.mjs'
import { isStamped, stamp, unstamp } from './stamp.mjs'
import { steps } from './steps.mjs'
import { installOwnTools, installTestTools } from './test-tools.mjs'

const root = resolve(import.meta.dirname, '../..')

const TUN = '/dev/net/tun'
const ADVICE = 'sudo npm start'
/** By the code of the error. */
const TUN_ADVICE = {
  EACCES: `${ADVICE}; or sudo chmod 666 ${TUN}, then npm start, or npm start -- rootless -- COMMAND`,
  ENOENT: `sudo modprobe tun; in a container, start it with --device ${TUN}`,
  EPERM: `start this container with --device ${TUN}`,
}

const isLinux = process.platform === 'linux'

/**
 * Brings the tree up to date: dependencies, addon, compiled sources. `programs` adds vnet's
 * programs in C++, `types` a check of all types, `testTools` both, without the program that only
 * guests need, and the programs of the kernel tests, `long` also the programs of the long tests,
 * and `own` the programs of these folders of test/; guests get their kernel. Off Linux there are
 * neither an addon nor kernel tests.
 */
export async function setUp({
  programs = false,
  types = false,
  testTools = false,
  long = false,
  own = [],
} = {}) {
  process.chdir(root)
  const wantsLate = {
    programs: programs || testTools,
    guest: programs || long || own.length > 0,
    types: types || testTools,
  }
  const wanted = steps.filter(({ late, outputs }) => {
    return late === undefined || wantsLate[late] || outputs().some(isFile)
  })
  const due = wanted.filter(step => !step.native || (isLinux && !takesPrebuilt(step)))
  if (due.some(step => step.native && isDue(step))) {
    checkBuildTools()
    if (!testTools) {
      warnOfTun()
    }
  }
  if (testTools && isLinux) {
    await installTestTools(long)
  }
  for (const folder of isLinux ? own : []) {
    await installOwnTools(folder)
  }
  if (due.some(isDue)) {
    becomeOwner()
    await withLock(join(root, '.setup-lock'), () => makeDue(due))
  }
  if (isLinux && process.arch === 'x64') {
    await prepareGuests(long, own)
  }
}

/** A long test starts a guest, too. Outside CI, set-up succeeds even if that is impossible. */
async function prepareGuests(long, own) {
  if (!long && !own.includes('guest')) return
  try {
    await downloadGuestKernel()
    if (own.includes('guest')) {
      await downloadArm64()
    }
  } catch (error) {
    if (process.env.CI || own.includes('guest') || !(error instanceof SetupError)) throw error
    process.stderr.write(`${error.message}\n`)
  }
}

/**
 * Makes the steps that are due, after a line that names them. The addon and the programs are built
 * beside the other steps: a compiler of C++ keeps one core busy. If a step fails, those beside it
 * are made to their end, and keep their results.
 */
async function makeDue(wanted) {
  const todo = toDo(wanted)
  // Another set-up may have made them, while this one waited.
  if (todo.length === 0) return
  process.stderr.write(`vnet: set-up: ${todo.map(({ what }) => what).join(', ')}\n`)
  const [dependencies, ...others] = wanted
  await makeInOrder([dependencies])
  const isNative = ({ native = false }) => native
  const results = await Promise.allSettled([
    makeInOrder(others.filter(isNative)),
    makeInOrder(others.filter(step => !isNative(step))),
  ])
  const errors = results.filter(({ reason }) => reason !== undefined).map(({ reason }) => reason)
  if (errors.length === 0) return
  const unexpected = errors.find(error => !(error instanceof SetupError))
  throw unexpected ?? new SetupError(errors.map(({ message }) => message).join('\n'))
}

/** Installing dependencies removes node_modules, and with it the stamps there. */
function toDo(wanted) {
  const [dependencies] = wanted
  const all = isDue(dependencies)
  return wanted.filter(step => isDue(step) || (all && step.stamp.startsWith('node_modules/')))
}

async function makeInOrder(wanted) {
  for (const step of wanted) {
    if (isDue(step)) {
      await make(step)
    }
  }
}

/** Reads the inputs last, which takes longest. */
function isDue(step) {
  if (!existsSync(step.stamp) || !step.outputs().every(isFile)) return true
  return !isStamped(step.stamp, step.inputs())
}

const isFile = path => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

/**
 * The stamp records the inputs before the step: a change while the step runs makes it due again.
 */
async function make(step) {
  const inputs = step.inputs()
  unstamp(step.stamp)
  await step.make()
  stamp(step.stamp, inputs)
}

/**
 * Without a compiler, the addon of prebuilds/ serves, if it was made from these sources. One in
 * build/ would be loaded instead.
 */
function takesPrebuilt(step) {
  if (!isDue(step) || missingBuildTools().length === 0) return false
  if (step.outputs().some(isFile) || !isCurrent(OWN)) return false
  if (step.late === undefined) {
    process.stderr.write(`vnet: taking prebuilds/${OWN}, because there is no compiler\n`)
  }
  return true
}

function checkBuildTools() {
  const missing = missingBuildTools()
  if (missing.length > 0) {
    throw new SetupError(
      `vnet needs ${missing.join(' and ')}: sudo apt-get install g++ make python3`,
    )
  }
}

/** Building takes minutes, so a lack of rights is reported before. */
function warnOfTun() {
  try {
    closeSync(openSync(TUN, constants.O_RDWR))
  } catch ({ code }) {
    process.stderr.write(
      `vnet: ${TUN} cannot be opened (${code}), which interfaces need: ${TUN_ADVICE[code] ?? ADVICE}\n`,
    )
  }
}

function missingBuildTools() {
  const compiler = (process.env.CXX || 'g++').split(' ')[0]
  return [
    isInstalled(compiler) || 'a C++ compiler',
    isInstalled('make') || 'make',
    isInstalled('python3') || 'python3',
  ].filter(found => found !== true)
}

/**
 * Root in a user's tree, by sudo, su or in a container, makes files as that user: its owner can
 * remove them and set up again. An owner without an account here has no home for npm.
 */
function becomeOwner() {
  const { uid, gid } = statSync('.')
  if (process.getuid?.() !== 0 || uid === 0) return
  const home = homeOf(uid)
  if (home === undefined) return
  process.setgroups([gid])
  process.setgid(gid)
  process.setuid(uid)
  process.env.HOME = home
}

/** Returns the home directory of a user; undefined without an account. */
function homeOf(uid) {
  process.seteuid(uid)
  try {
    return userInfo().homedir
  } catch {
    return undefined
  } finally {
    process.seteuid(0)
  }
}
