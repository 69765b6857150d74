/**
 * The private ioctls of snull, on a struct ifreq whose ifr_data points to the value:
 *
 *   + 0  VNET_IOCTL_RESET_STATS  no value       owner  sets the interface's statistics to 0
 *   + 1  SNULL_IOCTL_GET_STATS   200 bytes, out all    struct rtnl_link_stats64
 *   + 2  SNULL_IOCTL_GET_LOCKUP  int, out       all    the parameter `lockup`
 *   + 3  SNULL_IOCTL_SET_LOCKUP  int, in        owner  sets it, for both interfaces
 *
 * The numbers are added to SIOCDEVPRIVATE; all others are EOPNOTSUPP. The owner is root or the user
 * that the driver runs as; others get EPERM. A negative `lockup` is EINVAL.
 */
import { EINVAL, EOPNOTSUPP, EPERM } from '../../base/errno.ts'
import { SIOCDEVPRIVATE } from '../../netdev/if.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import type { UserData } from '../../netdev/ops.ts'
import { resetStats, VNET_IOCTL_RESET_STATS } from '../reset-stats.ts'

export const SNULL_IOCTL_GET_STATS = SIOCDEVPRIVATE + 1
export const SNULL_IOCTL_GET_LOCKUP = SIOCDEVPRIVATE + 2
export const SNULL_IOCTL_SET_LOCKUP = SIOCDEVPRIVATE + 3

const INT_LEN = 4

/** The parameter that can be read and set. */
interface Lockup {
  lockup: number
}

export function snullIoctl(dev: NetDevice<{ readonly params: Lockup }>, data: UserData, cmd: number): number {
  const { params } = dev.priv
  switch (cmd) {
    case VNET_IOCTL_RESET_STATS:
      return resetStats(dev, data)
    case SNULL_IOCTL_GET_STATS:
      data.write(new Uint8Array(BigUint64Array.from(dev.getStats64(), BigInt).buffer))
      return 0
    case SNULL_IOCTL_GET_LOCKUP:
      data.write(new Uint8Array(Int32Array.of(params.lockup).buffer))
      return 0
    case SNULL_IOCTL_SET_LOCKUP:
      return setLockup(params, data)
    default:
      return -EOPNOTSUPP
  }
}

function setLockup(params: Lockup, data: UserData): number {
  if (!data.mayChange) return -EPERM
  const [lockup] = new Int32Array(data.read(INT_LEN).buffer)
  if (lockup < 0) return -EINVAL
  params.lockup = lockup
  return 0
}
