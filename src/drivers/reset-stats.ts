/** The private ioctl that the drivers have in common. */
import { EPERM } from '../core/errno.ts'
import type { NetDevice } from '../core/net-device.ts'
import { SIOCDEVPRIVATE } from '../core/sockios.ts'
import type { UserData } from '../core/user-data.ts'

/** Sets a device's statistics to zero; ifr_data is not looked at. */
export const VNET_IOCTL_RESET_STATS = SIOCDEVPRIVATE + 0

export function resetStats<Priv>(dev: NetDevice<Priv>, { mayChange }: UserData): number {
  if (!mayChange) return -EPERM
  dev.resetStats()
  dev.log.info('statistics reset')
  return 0
}
