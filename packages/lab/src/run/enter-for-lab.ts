import { setImmediate } from 'node:timers/promises'
import { enterCommand, enterOwnNamespaces } from 'vnet/kit/cli'
import { hasCapability, type Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { lackOf } from '../model/index.ts'

/**
 * Executes the program again in the namespaces of `vnet rootless` for the lab of an ordinary user,
 * and of root without capabilities, as in a container. Returns if it need not enter. `prepare` is
 * called before, outside; descriptors that it returns remain open. Throws a VnetError if entering
 * fails.
 */
export async function enterForLab(
  native: Native,
  prepare?: () => readonly number[],
): Promise<void> {
  // pasta(1) takes root, so a user with capabilities enters, too.
  const canStay =
    process.geteuid?.() === 0
      ? lackOf(native) === undefined
      : hasCapability(uapi.CAP_NET_ADMIN) && prepare === undefined
  if (canStay || enterCommand() !== undefined) return
  // A signal that Node has caught and not yet handled would be lost by the exec. Node looks for
  // signals between two immediates.
  native.endBySignals(1)
  for (let i = 0; i < 2; i++) {
    await setImmediate()
  }
  enterOwnNamespaces(native, { mount: true, ...(prepare && { prepare }) })
}
