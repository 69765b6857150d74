/** Whether the kernel tests can run here: they make network namespaces and TAP interfaces. */

import { accessSync, constants } from 'node:fs'

/**
 * Returns why all kernel tests (test/kernel) are skipped on this machine, or undefined if they run.
 */
export function reasonToSkipKernelTests() {
  if (process.getuid() !== 0) return 'not root: sudo npm test runs them'
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    return `/dev/net/tun: ${error.code}: modprobe tun, or give the container --device /dev/net/tun`
  }
}
