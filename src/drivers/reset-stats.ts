/** The private ioctl that all drivers of the program have, and those that have no other. */
import { EOPNOTSUPP, EPERM } from '../core/errno.ts'
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

/** ndoSiocdevprivate of a driver that has this one alone. */
export function resetStatsIoctl<Priv>(dev: NetDevice<Priv>, _ifr: Uint8Array, data: UserData, cmd: number): number {
  return cmd === VNET_IOCTL_RESET_STATS ? resetStats(dev, data) : -EOPNOTSUPP
}
