/** The set-up itself, loaded once Node is known to be new enough: see ../setup.mjs. */

import { statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { isInstalled, SetupError } from './command.mjs'
import { withLock } from './lock.mjs'
import { isStamped, stamp, unstamp } from './stamp.mjs'
import { steps } from './steps.mjs'
import { installOwnTools, installTestTools } from './test-tools.mjs'

const root = resolve(import.meta.dirname, '../..')

/**
 * Brings the tree up to date: dependencies, addon, compiled sources. `testTools` adds the programs
 * of the kernel tests, `long` also the programs of the long tests, and `own` the programs of these
 * folders of test/.
 */
export async function setUp({ testTools = false, long = false, own = [] } = {}) {
  process.chdir(root)
  if (isDue(steps.find(step => step.native))) checkBuildTools()
  if (testTools) await installTestTools(long)
  for (const folder of own) await installOwnTools(folder)
  if (!steps.some(isDue)) return
  becomeOwner()
  await withLock(join(root, '.setup-lock'), async () => {
    for (const step of steps) if (isDue(step)) await make(step)
  })
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

function checkBuildTools() {
  const compiler = (process.env.CXX || 'g++').split(' ')[0]
  const missing = [
    isInstalled(compiler) || 'a C++ compiler',
    isInstalled('make') || 'make',
    isInstalled('python3') || 'python3',
  ].filter(found => found !== true)
  if (missing.length > 0)
    throw new SetupError(`vnet needs ${missing.join(' and ')}: sudo apt-get install g++ make python3`)
}

/**
 * Under sudo in a user's tree, files are made as that user, so that the user can remove them
 * without sudo.
 */
function becomeOwner() {
  const uid = Number(process.env.SUDO_UID)
  const gid = Number(process.env.SUDO_GID)
  if (process.getuid() !== 0 || !process.env.SUDO_UID || !process.env.SUDO_GID || statSync('.').uid !== uid) return
  process.setgroups([gid])
  process.setgid(gid)
  process.setuid(uid)
  process.env.HOME = userInfo().homedir
}
