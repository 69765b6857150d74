/** Checks whether this process can make labs. */
import { explain, VnetError } from 'vnet'
import { closeFd, closing, hasCapability, loadNative, type Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'

const NEEDED = Object.entries({
  CAP_NET_ADMIN: uapi.CAP_NET_ADMIN,
  CAP_SYS_ADMIN: uapi.CAP_SYS_ADMIN,
  CAP_NET_BROADCAST: uapi.CAP_NET_BROADCAST,
})

/** Thrown if no lab can be made. The message says why, and what to do. */
export class LabUnavailableError extends Error {
  override readonly name = 'LabUnavailableError'
  /**
   * Whether this installation lacks a part that this system could have, such as the native addon.
   * A test then fails instead of being skipped.
   */
  readonly isInstallation: boolean

  constructor(message: string, isInstallation = false) {
    super(message)
    this.isInstallation = isInstallation
  }
}

/** Returns an error if no lab can be made in the kernel, otherwise undefined. */
export async function kernelLabError(): Promise<LabUnavailableError | undefined> {
  const why = await whyNoKernelLab()
  if (why === undefined) return undefined
  return new LabUnavailableError(why, process.platform === 'linux' && typeof loaded() === 'string')
}

/**
 * Returns why this process can make no labs in the kernel and what to do, in one line; undefined if
 * it can. That takes some microseconds if it can.
 */
export async function whyNoKernelLab(): Promise<string | undefined> {
  const native = loaded()
  if (typeof native === 'string') return native
  const lacks = lackOf(native)
  const tun = native.open('/dev/net/tun', uapi.O_RDWR, -1)
  if (tun >= 0) {
    closeFd(native, tun)
  }
  if (tun >= 0 && lacks === undefined) return undefined
  const { whyNotRootless } = await import('vnet/kit/linux')
  const why = whyNotRootless(native)
  if (lacks === undefined) return `a lab cannot open /dev/net/tun: ${why}`
  if (why === undefined) {
    return `${lacks}: run the tests by \`npx --no-install vnet rootless -- COMMAND\`, or as root`
  }
  return `${lacks}, and \`vnet rootless\` cannot run here: ${why}`
}

/** Returns the reason if the addon cannot be loaded, as on other systems than Linux. */
function loaded(): Native | string {
  try {
    return loadNative()
  } catch (error) {
    if (error instanceof VnetError) return explain(error)
    throw error
  }
}

/** Returns what this process lacks for a lab in its own namespaces, if it lacks something. */
export function lackOf(native: Native): string | undefined {
  const missing = NEEDED.filter(([, capability]) => !hasCapability(capability)).map(
    ([name]) => name,
  )
  if (missing.length > 0) return `a lab needs ${missing.join(', ')}`
  return canReturn(native)
    ? undefined
    : 'a lab needs a network namespace that belongs to its user namespace'
}

/** Whether a thread that leaves its network namespace may return to it. */
function canReturn(native: Native): boolean {
  const home = native.open('/proc/thread-self/ns/net', uapi.O_RDONLY, -1)
  return home >= 0 && closing(native, home, () => native.setns(home, uapi.CLONE_NEWNET)) === 0
}
