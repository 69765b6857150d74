/** What a lab needs of the machine. */

import type { Native } from '../../linux/native.ts'
import { hasCapability } from '../../linux/privileges.ts'
import { CAP_NET_ADMIN, CAP_SYS_ADMIN, O_RDWR } from '../../linux/uapi.ts'
import { EACCES, ENODEV, ENOENT, errnoName } from '../../netdev/errno.ts'

// include/uapi/linux/capability.h
const CAP_NET_BROADCAST = 11

const NEEDED = [
  ['CAP_NET_ADMIN', CAP_NET_ADMIN],
  ['CAP_SYS_ADMIN', CAP_SYS_ADMIN],
  ['CAP_NET_BROADCAST', CAP_NET_BROADCAST],
] as const

const TUN = '/dev/net/tun'

/** Returns why this process can make no labs and what to do, in one line; undefined if it can. */
export function whyNoLab(native: Native): string | undefined {
  const missing = NEEDED.filter(([, capability]) => !hasCapability(capability)).map(([name]) => name)
  if (missing.length > 0) {
    return `a lab needs ${missing.join(', ')}: run the tests by \`npx vnet rootless -- COMMAND\`, or as root`
  }
  const fd = native.open(TUN, O_RDWR, -1)
  if (fd >= 0) {
    native.close(fd)
    return undefined
  }
  return `a lab needs ${TUN} (${errnoName(fd)}): ${adviceOf(-fd)}`
}

function adviceOf(errno: number): string {
  if (errno === ENOENT || errno === ENODEV) return 'run `modprobe tun`; a container needs --device /dev/net/tun'
  if (errno === EACCES) return `run \`sudo chmod 666 ${TUN}\``
  return 'a container needs --device /dev/net/tun'
}
