/**
 * dev_ioctl: the ioctls of a socket that reach a driver (net/core/dev_ioctl.c). Private ones go to
 * ndoSiocdevprivate, SIOCSIFMAP goes to ndoSetConfig, and SIOCGIFMAP returns `dev.map`.
 */
import {
  EFAULT,
  EINVAL,
  EIO,
  ENODEV,
  EOPNOTSUPP,
  EPERM,
  isErrno,
  VnetError,
} from '../base/errno.ts'
import {
  IFR_IFRU,
  IFREQ_LEN,
  NETREG_REGISTERED,
  SIOCDEVPRIVATE,
  SIOCDEVPRIVATES,
  SIOCGIFMAP,
  SIOCSIFMAP,
} from './if.ts'
import { callNdo, logBadReturn, MAX_ERRNO } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { Ifmap, UserData } from './ops.ts'

const INT_MAX = 0x7fff_ffff
/** Bytes of struct ifmap as 64-bit machines have it, without the spare ones. */
const IFMAP_LEN = 21
/** Bytes that a driver may copy in one call. */
const USER_DATA_MAX = 1 << 20

/** A process's memory. Both return 0 or -errno: -EFAULT if some of it is not mapped. */
export interface UserMemory {
  read(address: bigint, into: Uint8Array): number
  write(address: bigint, from: Uint8Array): number
}

/** No memory at all: every access is -EFAULT. */
export const noMemory: UserMemory = { read: () => -EFAULT, write: () => -EFAULT }

/** The bytes themselves as memory, from address `base` on. */
export class ByteMemory implements UserMemory {
  readonly bytes: Uint8Array
  readonly base: bigint

  constructor(bytes: Uint8Array, base: bigint) {
    this.bytes = bytes
    this.base = base
  }

  read(address: bigint, into: Uint8Array): number {
    const part = this.#at(address, into.length)
    if (part !== undefined) {
      into.set(part)
    }
    return part === undefined ? -EFAULT : 0
  }

  write(address: bigint, from: Uint8Array): number {
    const part = this.#at(address, from.length)
    part?.set(from)
    return part === undefined ? -EFAULT : 0
  }

  /** Undefined unless all of an access is inside. */
  #at(address: bigint, length: number): Uint8Array | undefined {
    const offset = address - this.base
    if (offset < 0n || offset + BigInt(length) > BigInt(this.bytes.length)) return undefined
    return this.bytes.subarray(Number(offset), Number(offset) + length)
  }
}

/**
 * Performs an ioctl. Returns 0, a driver's own positive result, or -errno. `ifr` is the caller's
 * struct ifreq, which is written to if the ioctl succeeds; its ifr_data points into `memory`. A
 * caller without `mayChange` may still read.
 */
export function devIoctl(
  dev: NetDevice<never> | NetDevice,
  cmd: number,
  ifr: Uint8Array,
  memory: UserMemory,
  mayChange = false,
): number {
  const device = dev as NetDevice
  if (ifr.length !== IFREQ_LEN) return -EINVAL
  if (dev.regState !== NETREG_REGISTERED) return -ENODEV
  if (cmd >= SIOCDEVPRIVATE && cmd < SIOCDEVPRIVATE + SIOCDEVPRIVATES) {
    return siocdevprivate(device, cmd, ifr, memory, mayChange)
  }
  if (cmd === SIOCGIFMAP) return getIfmap(device, ifr)
  if (cmd === SIOCSIFMAP) return setIfmap(device, ifr, mayChange)
  return -EOPNOTSUPP
}

function siocdevprivate(
  dev: NetDevice,
  cmd: number,
  ifr: Uint8Array,
  memory: UserMemory,
  mayChange: boolean,
): number {
  const { netdevOps } = dev
  if (netdevOps.ndoSiocdevprivate === undefined) return -EOPNOTSUPP
  // Data that a driver writes before it fails is not copied back.
  const copy = ifr.slice()
  const address = new DataView(copy.buffer).getBigUint64(IFR_IFRU, true)
  try {
    const result: unknown =
      netdevOps.ndoSiocdevprivate(dev, copy, userData(memory, address, mayChange), cmd) ?? 0
    if (
      Number.isInteger(result) &&
      (result as number) >= -MAX_ERRNO &&
      (result as number) <= INT_MAX
    ) {
      if ((result as number) >= 0) {
        ifr.set(copy)
      }
      return result as number
    }
    logBadReturn(dev, 'ndoSiocdevprivate', result, 'a result or a negative errno')
  } catch (error) {
    if (isErrno(error, EFAULT)) return -EFAULT
    dev.logException('ndoSiocdevprivate', error)
  }
  return -EIO
}

function userData(memory: UserMemory, address: bigint, mayChange: boolean): UserData {
  return {
    address,
    mayChange,
    read(length) {
      if (!(Number.isInteger(length) && length >= 0 && length <= USER_DATA_MAX)) {
        throw new RangeError(`${length} is not a number of bytes from 0 to ${USER_DATA_MAX}`)
      }
      const bytes = new Uint8Array(length)
      check(memory.read(address, bytes), 'copy_from_user')
      return bytes
    },
    write(bytes) {
      if (bytes.length > USER_DATA_MAX) {
        throw new RangeError(`${bytes.length} bytes are more than ${USER_DATA_MAX}`)
      }
      check(memory.write(address, bytes), 'copy_to_user')
    },
  }
}

/** A driver may have put anything into its map. */
function getIfmap(dev: NetDevice, ifr: Uint8Array): number {
  const { map } = dev
  const copy = ifr.slice()
  try {
    const view = ifmapOf(copy)
    view.setBigUint64(0, BigInt(map.memStart), true)
    view.setBigUint64(8, BigInt(map.memEnd), true)
    view.setUint16(16, map.baseAddr, true)
    view.setUint8(18, map.irq)
    view.setUint8(19, map.dma)
    view.setUint8(20, map.port)
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
  const view = ifmapOf(ifr)
  const map: Ifmap = {
    memStart: Number(view.getBigUint64(0, true)),
    memEnd: Number(view.getBigUint64(8, true)),
    baseAddr: view.getUint16(16, true),
    irq: view.getUint8(18),
    dma: view.getUint8(19),
    port: view.getUint8(20),
  }
  return callNdo(dev, 'ndoSetConfig', () => netdevOps.ndoSetConfig?.(dev, map))
}

function ifmapOf({ buffer, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset + IFR_IFRU, IFMAP_LEN)
}

function check(result: number, what: string): void {
  if (result < 0) throw new VnetError(result, what)
}
