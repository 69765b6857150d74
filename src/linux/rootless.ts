/**
 * Namespaces for an ordinary user: native/rootless/rootless.cc enters them, and executes a program
 * there in which the user is root. Root with the necessary capabilities enters the same ones,
 * except the user namespace.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { explain, VnetError } from '../base/errno.ts'
import { check, closeFd } from './errno.ts'
import { builtFile, loadNative, type Native } from './native.ts'
import { hasCapability } from './privileges.ts'
import { tunAdvice } from './requirements.ts'
import { CAP_NET_ADMIN, CAP_SYS_ADMIN, O_RDWR } from './uapi.ts'

/** The launcher's list with a user namespace. */
const ALL = 'user,net,mount'

/** Any namespace is entered within milliseconds. */
const LIMIT_MS = 10_000

/**
 * Replaces this process with the command, in new namespaces: same process id, streams and
 * `descriptors`. Throws a VnetError if the launcher cannot be executed. If the kernel refuses the
 * namespaces, the launcher prints one line and exits with status 1.
 */
export function execRootless(
  native: Native,
  command: readonly string[],
  descriptors: Int32Array,
): never {
  return exec(native, [namespaces(), ...command], descriptors)
}

/** Like execRootless, in a user namespace also for root. */
export function execInAllNamespaces(
  native: Native,
  command: readonly string[],
  descriptors: Int32Array,
): never {
  return exec(native, [ALL, ...command], descriptors)
}

/** Like execRootless, with no mount namespace: other terminals enter these without one. */
export function execInUserNamespace(
  native: Native,
  command: readonly string[],
  descriptors: Int32Array,
): never {
  return exec(native, ['user,net', ...command], descriptors)
}

/** Like execRootless, in the namespaces of this process. */
export function execHere(
  native: Native,
  command: readonly string[],
  descriptors: Int32Array,
): never {
  return exec(native, ['--execute', ...command], descriptors)
}

function exec(native: Native, words: readonly string[], descriptors: Int32Array): never {
  const launcher = launcherPath()
  throw new VnetError(native.exec([launcher, ...words], descriptors), ['exec', launcher])
}

/** Returns why `vnet rootless` cannot run here, and a remedy; undefined if a try succeeds. */
export const whyNotRootless = (native?: Native): string | undefined =>
  whyNoTun(native) ?? whyNoNamespaces()

/** Returns why no namespaces can be entered here, and a remedy; undefined if a try succeeds. */
export const whyNoNamespaces = (): string | undefined => whyNot(namespaces())

/** Returns, like whyNotRootless, why no program can be confined here. It needs no /dev/net/tun. */
export const whyNotConfined = (): string | undefined => whyNot('check')

/** Returns why an ordinary user can make no interfaces, even in namespaces of its own. */
export const whyNoTun = (native?: Native): string | undefined =>
  messageOf(() => checkTun(native ?? loadNative()))

/**
 * Returns a command that runs another one where it does no harm (native/rootless/confine.h):
 * everything but /run is read-only, the network is its own, and processes, memory and time are
 * bounded. `rights`: all rights in its own namespaces, or none. Arguments that are absolute paths
 * are visible inside.
 */
export function confined(command: readonly string[], rights: 'all' | 'none'): string[] {
  return [launcherPath(), rights === 'all' ? 'check' : 'check,none', ...command]
}

/** Returns a command that runs another one, which is killed when this process ends in any way. */
export function withParent(command: readonly string[]): string[] {
  return [launcherPath(), '--with-parent', `${process.pid}`, ...command]
}

/**
 * Starts the process that removes files after the end of this process, even if this one is killed.
 * The caller writes the files' names to its standard input (native/rootless/remove-after.h). This
 * process does not wait for it. If it cannot be started, the files remain.
 */
export function startRemover(): ChildProcess {
  const remover = spawn(launcherPath(), ['--remove-after'], { stdio: ['pipe', 'ignore', 'ignore'] })
  // Files then remain.
  for (const each of [remover, remover.stdin]) {
    each?.on('error', () => {})
  }
  remover.unref()
  return remover
}

/** The command of the process that waits for a namespace to connect (native/rootless/way-out.h). */
export function waitingForWayOut(isAside: boolean): [program: string, option: string] {
  return [launcherPath(), isAside ? '--way-out-aside' : '--way-out']
}

function whyNot(mode: string): string | undefined {
  return messageOf(() => {
    const stdio = ['ignore', 'ignore', 'pipe'] as const
    const tried = spawnSync(launcherPath(), [mode], {
      stdio: [...stdio],
      encoding: 'utf8',
      timeout: LIMIT_MS,
    })
    if (tried.status === 0) return undefined
    return tried.error?.message ?? tried.stderr.trim().replace(/^vnet: /, '')
  })
}

/** Returns what `attempt` returns, or the message of the VnetError that it throws. */
function messageOf(attempt: () => string | undefined | void): string | undefined {
  try {
    return attempt() ?? undefined
  } catch (error) {
    if (error instanceof VnetError) return explain(error)
    throw error
  }
}

/** Throws a VnetError if /dev/net/tun cannot be opened. `command` is what root could run. */
export function checkTun(native: Native, command?: string): void {
  const fd = native.open('/dev/net/tun', O_RDWR, -1)
  check(fd, ['open', '/dev/net/tun'], tunAdvice(-fd, command))
  closeFd(native, fd)
}

/** The launcher's list. Root keeps its user if it may do without a user namespace. */
function namespaces(): string {
  const isRoot =
    process.geteuid?.() === 0 && hasCapability(CAP_SYS_ADMIN) && hasCapability(CAP_NET_ADMIN)
  return isRoot ? 'net,mount' : ALL
}

const launcherPath = (): string => builtFile('vnet-rootless', 'the launcher')
