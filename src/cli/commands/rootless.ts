/** `vnet rootless`: becomes the command, in new namespaces in which the user is root. */
import { inherited } from '../../linux/inherited.ts'
import { loadNative } from '../../linux/native.ts'
import { checkTun, execRootless } from '../../linux/rootless.ts'

/** Returns only by throwing a VnetError. */
export function rootless(command: readonly string[]): never {
  const native = loadNative()
  checkTun(native)
  const given = inherited().flatMap((isGiven, fd) => (isGiven && fd > 2 ? [fd] : []))
  execRootless(native, command, Int32Array.from(given))
}
