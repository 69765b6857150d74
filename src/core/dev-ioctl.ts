/**
 * dev_ioctl: the ioctls of a socket that reach a driver (net/core/dev_ioctl.c). Private ones go to ndoSiocdevprivate, SIOCSIFMAP to
 * ndoSetConfig, and SIOCGIFMAP is answered from `dev.map`. How they come here, from which process, is the caller's affair.
 */
import { EFAULT, EINVAL, EIO, ENODEV, EOPNOTSUPP, EPERM, isErrno } from './errno.ts'
import { NETREG_REGISTERED } from './if.ts'
import { readIfmap, writeIfmap } from './ifmap.ts'
import { callNdo, MAX_ERRNO, refuseAnswer } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import { IFR_IFRU, IFREQ_LEN, SIOCDEVPRIVATE, SIOCDEVPRIVATES, SIOCGIFMAP, SIOCSIFMAP } from './sockios.ts'
import { type UserMemory, userData } from './user-data.ts'

const INT_MAX = 0x7fff_ffff

/**
 * Performs an ioctl: 0, or what else a driver answers, or -errno. `ifr` is the caller's struct ifreq, which is written to
 * when the ioctl succeeds; `memory` is what its ifr_data points to. Who may change nothing (`mayChange`) may still read.
 */
export function devIoctl(
  dev: NetDevice<never> | NetDevice,
  cmd: number,
  ifr: Uint8Array,
  memory: UserMemory,
  mayChange = false,
): number {
  return perform(dev as NetDevice, cmd, ifr, memory, mayChange)
}

function perform(dev: NetDevice, cmd: number, ifr: Uint8Array, memory: UserMemory, mayChange: boolean): number {
  if (ifr.length !== IFREQ_LEN) return -EINVAL
  if (dev.regState !== NETREG_REGISTERED) return -ENODEV
  if (cmd >= SIOCDEVPRIVATE && cmd < SIOCDEVPRIVATE + SIOCDEVPRIVATES) {
    return siocdevprivate(dev, cmd, ifr, memory, mayChange)
  }
  if (cmd === SIOCGIFMAP) return getIfmap(dev, ifr)
  if (cmd === SIOCSIFMAP) return setIfmap(dev, ifr, mayChange)
  return -EOPNOTSUPP
}

function siocdevprivate(dev: NetDevice, cmd: number, ifr: Uint8Array, memory: UserMemory, mayChange: boolean): number {
  const { netdevOps } = dev
  if (netdevOps.ndoSiocdevprivate === undefined) return -EOPNOTSUPP
  // What a driver writes before it fails is not seen.
  const copy = ifr.slice()
  const address = new DataView(copy.buffer).getBigUint64(IFR_IFRU, true)
  try {
    const answer: unknown = netdevOps.ndoSiocdevprivate(dev, copy, userData(memory, address, mayChange), cmd) ?? 0
    if (isResult(answer)) {
      if (answer >= 0) ifr.set(copy)
      return answer
    }
    refuseAnswer(dev, 'ndoSiocdevprivate', answer, 'a result or a negative errno')
  } catch (error) {
    if (isErrno(error, EFAULT)) return -EFAULT
    dev.logException('ndoSiocdevprivate', error)
  }
  return -EIO
}

function isResult(answer: unknown): answer is number {
  return Number.isInteger(answer) && (answer as number) >= -MAX_ERRNO && (answer as number) <= INT_MAX
}

/** A driver may have put anything into its map. */
function getIfmap(dev: NetDevice, ifr: Uint8Array): number {
  const copy = ifr.slice()
  try {
    writeIfmap(copy, dev.map)
  } catch (error) {
    dev.logException('SIOCGIFMAP', error)
    return -EIO
  }
  ifr.set(copy)
  return 0
}

function setIfmap(dev: NetDevice, ifr: Uint8Array, mayChange: boolean): number {
  if (!mayChange) return -EPERM
  const { netdevOps } = dev
  if (netdevOps.ndoSetConfig === undefined) return -EOPNOTSUPP
  return callNdo(dev, 'ndoSetConfig', () => netdevOps.ndoSetConfig?.(dev, readIfmap(ifr)))
}
