/** The private ioctl of loop, cable and snull. The first two have no other. */
import { EOPNOTSUPP, EPERM } from '../base/errno.ts'
import { SIOCDEVPRIVATE } from '../netdev/if.ts'
import type { NetDevice, UserData } from '../netdev/index.ts'

/** Sets a device's statistics to zero; ifr_data is not used. */
export const VNET_IOCTL_RESET_STATS = SIOCDEVPRIVATE + 0

/**
 * Sets the statistics to zero and returns 0. Returns -EPERM if the caller may not change anything.
 */
export function resetStats<Priv>(dev: NetDevice<Priv>, { mayChange }: UserData): number {
  if (!mayChange) return -EPERM
  dev.resetStats()
  dev.log.info('statistics reset')
  return 0
}

/** ndoSiocdevprivate of a driver that has only this one. */
export function resetStatsIoctl<Priv>(
  dev: NetDevice<Priv>,
  _ifr: Uint8Array,
  data: UserData,
  cmd: number,
): number {
  return cmd === VNET_IOCTL_RESET_STATS ? resetStats(dev, data) : -EOPNOTSUPP
}
