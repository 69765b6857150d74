/** Where a native call's -errno becomes a VnetError. */
import { VnetError } from '../core/errno.ts'

/** Gives `result` back if it is 0 or more; else throws the VnetError it stands for. */
export function check(result: number, syscall: string, advice?: string): number {
  if (result < 0) throw new VnetError(result, syscall, advice)
  return result
}
