/**
 * Running without root. The program enters its own user namespace and network namespace, where the
 * user may configure interfaces, by executing itself again there as the same process. Named
 * namespaces, and persistent interfaces of the user, are used where they are.
 */

import type { Native } from '../linux/native.ts'
import { hasCapability, ownCommand, sudoCommand } from '../linux/privileges.ts'
import { checkTun, execInAllNamespaces, execInUserNamespace } from '../linux/rootless.ts'
import { getLinks, type Link, RouteSocket } from '../linux/rtnetlink.ts'
import { CAP_NET_ADMIN } from '../linux/uapi.ts'
import type { CommonOptions } from './parse/options.ts'

/** Set to the process id after the program has entered; children inherit it, but not the id. */
const ENTERED = 'VNET_ROOTLESS'

/**
 * Returns the command with which another terminal enters the namespaces of this program; undefined
 * if the program has not entered namespaces of its own.
 */
export function enterCommand(): string | undefined {
  const { pid, env } = process
  return env[ENTERED] === String(pid) ? `nsenter --preserve-credentials -U -n -t ${pid}` : undefined
}

/**
 * Executes the program again in its own namespaces if an ordinary user wants new interfaces and
 * does not say where. `namesOf` returns the driver's default names. Returns if it need not enter;
 * throws a VnetError if entering fails.
 */
export function enterNamespaces(
  native: Native,
  options: CommonOptions,
  args: readonly string[],
  namesOf: () => readonly string[],
): void {
  const { netns, persist, delete: remove, name = [] } = options
  if (process.geteuid?.() === 0 || enterCommand() !== undefined || hasCapability(CAP_NET_ADMIN)) {
    return
  }
  if (netns !== undefined || persist || remove || args.some(arg => arg.includes('/'))) return
  using sock = RouteSocket.open(native)
  const links = getLinks(sock)
  let names: readonly string[] = [...args, ...name]
  if (names.length === 0 && links.some(isMine)) {
    names = namesOf()
  }
  if (links.some(link => names.includes(link.name))) return
  enterOwnNamespaces(native)
}

/**
 * Executes the program again in a user and a network namespace of its own, with `mount` also in a
 * mount namespace. `prepare` is called before, outside; descriptors that it returns remain open.
 * Throws a VnetError if entering fails.
 */
export function enterOwnNamespaces(
  native: Native,
  { mount = false, prepare = (): readonly number[] => [] } = {},
): never {
  checkTun(native, sudoCommand())
  const descriptors = Int32Array.from(prepare())
  process.env[ENTERED] = String(process.pid)
  const execute = mount ? execInAllNamespaces : execInUserNamespace
  return execute(native, ownCommand(), descriptors)
}

/** Returns whether the user may attach to the interface: a persistent TAP of that user or group. */
function isMine({ tun }: Link): boolean {
  if (tun === undefined || !tun.persist) return false
  const { owner, group } = tun
  return (
    owner === process.geteuid?.() ||
    (group !== undefined && process.getgroups?.().includes(group) === true)
  )
}
