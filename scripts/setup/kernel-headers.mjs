/** The headers that a kernel module is built with, of any kernel that the machine has them of. */

import { existsSync, readdirSync } from 'node:fs'

/** Debian's names of processors, by Node's names. */
const architectures = { x64: 'amd64', arm64: 'arm64' }

export const HEADERS_PACKAGE = `linux-headers-${architectures[process.arch] ?? process.arch}`

const MODULES = '/lib/modules'

/** Returns the build directory of the newest kernel, or undefined without one. */
export function kernelHeaders() {
  if (!existsSync(MODULES)) return undefined
  return readdirSync(MODULES)
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map(version => `${MODULES}/${version}/build`)
    .find(directory => existsSync(`${directory}/include/generated/autoconf.h`))
}
