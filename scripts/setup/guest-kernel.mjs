/** Debian's kernel of guests, in the cache of this user, so that no test waits for its download. */

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SetupError } from './command.mjs'

const MODULE = 'packages/guest/dist/kernel.js'

/** Downloads the kernel if it is missing. Throws a SetupError of one line if it cannot. */
export async function downloadGuestKernel() {
  await withKernels('the tests of guests need a kernel', ({ findKernel }) => {
    findKernel(line => process.stderr.write(`vnet: ${line}\n`))
  })
}

/** Calls `use` with the compiled module of kernels. Throws a SetupError that starts with `what`. */
export async function withKernels(what, use) {
  const module = await import(pathToFileURL(resolve(MODULE)).href)
  try {
    use(module)
  } catch (error) {
    if (error.name !== 'GuestSetupError') throw error
    throw new SetupError(`vnet: ${what}: ${error.message}`)
  }
}
