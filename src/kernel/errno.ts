/** Where a native call's -errno becomes a VnetError. */
import { EBADFD, VnetError } from '../core/errno.ts'

/** Advice of an EBADFD: there is nothing left to do anything to. */
export const GONE = 'the interface is gone'

/** Gives `result` back if it is 0 or more; else throws the VnetError it stands for. */
export function check(result: number, syscall: string, advice?: string): number {
  if (result < 0) throw new VnetError(result, syscall, advice)
  return result
}

/** As check, for the answer of a TAP's own descriptor: the kernel's EBADFD says that the interface was deleted. */
export function checkTap(result: number, syscall: string): number {
  return check(result, syscall, result === -EBADFD ? GONE : undefined)
}
