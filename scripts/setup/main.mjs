/** The set-up itself, loaded once Node is known to be new enough: see ../setup.mjs. */

import { statSync } from 'node:fs'
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

const isLinux = process.platform === 'linux'

/**
 * Brings the tree up to date: dependencies, addon, compiled sources. `programs` adds vnet's
 * programs in C++, `testTools` these and the programs of the kernel tests, `long` also the programs
 * of the long tests, and `own` the programs of these folders of test/; guests get their kernel. Off
 * Linux there are neither an addon nor kernel tests.
 */
export async function setUp({ programs = false, testTools = false, long = false, own = [] } = {}) {
  process.chdir(root)
  const wantsLate = programs || testTools
  const wanted = steps.filter(step => !step.isLate || wantsLate || step.outputs().some(isFile))
  const due = wanted.filter(step => !step.native || (isLinux && !takesPrebuilt(step)))
  if (due.some(step => step.native && isDue(step))) checkBuildTools()
  if (testTools && isLinux) await installTestTools(long)
  for (const folder of isLinux ? own : []) await installOwnTools(folder)
  if (due.some(isDue)) {
    becomeOwner()
    await withLock(join(root, '.setup-lock'), async () => {
      for (const step of due) if (isDue(step)) await make(step)
    })
  }
  if (isLinux && process.arch === 'x64') await prepareGuests(long, own)
}

/** A long test starts a guest, too. Outside CI, set-up succeeds even if that is impossible. */
async function prepareGuests(long, own) {
  if (!long && !own.includes('guest')) return
  try {
    await downloadGuestKernel()
    if (own.includes('guest')) await downloadArm64()
  } catch (error) {
    if (process.env.CI || own.includes('guest') || !(error instanceof SetupError)) throw error
    process.stderr.write(`${error.message}\n`)
  }
}

function isDue(step) {
  return !isStamped(step.stamp, step.inputs()) || !step.outputs().every(isFile)
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
  if (!step.isLate) process.stderr.write(`vnet: taking prebuilds/${OWN}, because there is no compiler\n`)
  return true
}

function checkBuildTools() {
  const missing = missingBuildTools()
  if (missing.length > 0)
    throw new SetupError(`vnet needs ${missing.join(' and ')}: sudo apt-get install g++ make python3`)
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
 * Under sudo in a user's tree, files are made as that user, so that the user can remove them
 * without sudo.
 */
function becomeOwner() {
  const uid = Number(process.env.SUDO_UID)
  const gid = Number(process.env.SUDO_GID)
  if (process.getuid?.() !== 0 || !process.env.SUDO_UID || !process.env.SUDO_GID || statSync('.').uid !== uid) return
  process.setgroups([gid])
  process.setgid(gid)
  process.setuid(uid)
  process.env.HOME = userInfo().homedir
}
