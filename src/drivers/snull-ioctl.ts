/**
 * The private ioctls of snull, on a struct ifreq whose ifr_data points to the value:
 *
 * | SIOCDEVPRIVATE | name | ifr_data | who | what |
 * |---|---|---|---|---|
 * | + 0 | VNET_IOCTL_RESET_STATS | not used | owner | the interface's statistics begin anew |
 * | + 1 | SNULL_IOCTL_GET_STATS | struct rtnl_link_stats64, 200 octets, written | all | its statistics |
 * | + 2 | SNULL_IOCTL_GET_LOCKUP | int, written | all | the parameter `lockup` |
 * | + 3 | SNULL_IOCTL_SET_LOCKUP | int, read | owner | sets it, for both interfaces; EINVAL for a negative one |
 *
 * All others are EOPNOTSUPP. The owner is root or the user whom the driver runs as: others get EPERM.
 */
import { EINVAL, EOPNOTSUPP, EPERM } from '../core/errno.ts'
import type { NetDevice } from '../core/net-device.ts'
import { SIOCDEVPRIVATE } from '../core/sockios.ts'
import type { UserData } from '../core/user-data.ts'
import { resetStats, VNET_IOCTL_RESET_STATS } from './reset-stats.ts'

export const SNULL_IOCTL_GET_STATS = SIOCDEVPRIVATE + 1
export const SNULL_IOCTL_GET_LOCKUP = SIOCDEVPRIVATE + 2
export const SNULL_IOCTL_SET_LOCKUP = SIOCDEVPRIVATE + 3

const INT_OCTETS = 4

/** The part of the parameters that can be read and set. */
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
  const [lockup] = new Int32Array(data.read(INT_OCTETS).buffer)
  if (lockup < 0) return -EINVAL
  params.lockup = lockup
  return 0
}
