/** What a lab needs of the machine. */
import type { Native } from '../../linux/native.ts'
import { hasCapability } from '../../linux/privileges.ts'
import { CAP_NET_ADMIN, CAP_NET_BROADCAST, CAP_SYS_ADMIN, O_RDWR } from '../../linux/uapi.ts'

const NEEDED = [
  ['CAP_NET_ADMIN', CAP_NET_ADMIN],
  ['CAP_SYS_ADMIN', CAP_SYS_ADMIN],
  ['CAP_NET_BROADCAST', CAP_NET_BROADCAST],
] as const

/**
 * Returns why this process can make no labs and what to do, in one line; undefined if it can. It
 * takes some microseconds if it can.
 */
export async function whyNoLab(native: Native): Promise<string | undefined> {
  const missing = NEEDED.filter(([, capability]) => !hasCapability(capability)).map(([name]) => name)
  const tun = native.open('/dev/net/tun', O_RDWR, -1)
  if (tun >= 0) native.close(tun)
  if (tun >= 0 && missing.length === 0) return undefined
  const { whyNotRootless } = await import('../../linux/rootless.ts')
  const why = whyNotRootless(native)
  if (missing.length === 0) return `a lab cannot open /dev/net/tun: ${why}`
  const lacks = `a lab needs ${missing.join(', ')}`
  if (why === undefined) return `${lacks}: run the tests by \`npx vnet rootless -- COMMAND\`, or as root`
  return `${lacks}, and \`vnet rootless\` cannot run here: ${why}`
}
