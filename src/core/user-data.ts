/**
 * The memory of who made an ioctl. A driver sees it by a UserData, which copies (copy_from_user, copy_to_user): there is no pointer to follow,
 * and no more is copied than the driver names.
 */
import { EFAULT, VnetError } from './errno.ts'

/** What a driver may copy at once. */
export const USER_DATA_MAX = 1 << 20

/** Somebody's memory, by its addresses. Both answer 0, or -errno: -EFAULT when it is not there, or only in part. */
export interface UserMemory {
  read(address: bigint, into: Uint8Array): number
  write(address: bigint, from: Uint8Array): number
}

/** The caller's memory at ifr_data. */
export interface UserData {
  /** ifr_data itself; a driver may take it for a number. */
  readonly address: bigint
  /** Whether the caller may change something: what a driver asks before it does, to answer -EPERM. */
  readonly mayChange: boolean
  /** The `length` octets there, copied. Throws a VnetError EFAULT, which is the ioctl's answer unless it is caught. */
  read(length: number): Uint8Array
  /** Copies octets there. Throws as `read`. */
  write(octets: Uint8Array): void
}

/** The memory at an address. */
export function userData(memory: UserMemory, address: bigint, mayChange: boolean): UserData {
  return {
    address,
    mayChange,
    read(length) {
      if (!(Number.isInteger(length) && length >= 0 && length <= USER_DATA_MAX)) {
        throw new RangeError(`${length} is no number of octets from 0 to ${USER_DATA_MAX}`)
      }
      const octets = new Uint8Array(length)
      copied(memory.read(address, octets), 'copy_from_user')
      return octets
    },
    write(octets) {
      if (octets.length > USER_DATA_MAX) throw new RangeError(`${octets.length} octets are more than ${USER_DATA_MAX}`)
      copied(memory.write(address, octets), 'copy_to_user')
    },
  }
}

function copied(result: number, what: string): void {
  if (result < 0) throw new VnetError(result, what)
}

/** No memory at all: every access is -EFAULT. */
export const noMemory: UserMemory = { read: () => -EFAULT, write: () => -EFAULT }
