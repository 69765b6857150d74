/**
 * Running without root. The program enters a user namespace and a network namespace of its own,
 * where the user may configure interfaces, by executing itself again there as the same process.
 * Namespaces that are named, and persistent interfaces of the user, are used where they are.
 */

import { check } from '../linux/errno.ts'
import { builtFile, type Native } from '../linux/native.ts'
import { hasCapability } from '../linux/privileges.ts'
import { getLinks, type Link, RouteSocket } from '../linux/rtnetlink.ts'
import { CAP_NET_ADMIN, O_RDWR } from '../linux/uapi.ts'
import { EACCES, ENODEV, ENOENT, EPERM } from '../netdev/errno.ts'
import type { CommonOptions } from './options.ts'

/** Set to the process id after the program has entered; children inherit it, but not the id. */
const ENTERED = 'VNET_ROOTLESS'

/** Returns the command by which another terminal enters; undefined if the program has not. */
export function enterCommand(): string | undefined {
  if (process.env[ENTERED] !== String(process.pid)) return undefined
  return `nsenter --preserve-credentials -U -n -t ${process.pid}`
}

/**
 * Executes the program again in namespaces of its own if an ordinary user wants new interfaces and
 * does not say where. `namesOf` returns the driver's default names. Returns if there is no need to
 * enter; throws a VnetError if entering fails.
 */
export function enterNamespaces(
  native: Native,
  options: CommonOptions,
  args: readonly string[],
  namesOf: () => readonly string[],
): void {
  const { netns, persist, delete: remove, name = [] } = options
  if (process.geteuid?.() === 0 || enterCommand() !== undefined || hasCapability(CAP_NET_ADMIN)) return
  if (netns !== undefined || persist || remove || args.some(arg => arg.includes('/'))) return
  using sock = RouteSocket.open(native)
  const links = getLinks(sock)
  const given = [...args, ...name]
  const names = given.length > 0 ? given : links.some(isMine) ? namesOf() : []
  if (links.some(link => names.includes(link.name))) return
  checkTun(native)
  process.env[ENTERED] = String(process.pid)
  const launcher = builtFile('vnet-rootless', 'the launcher')
  check(native.exec([launcher, process.execPath, ...process.execArgv, ...process.argv.slice(1)]), `exec ${launcher}`)
}

/** Returns whether the user may attach to the interface: a persistent TAP of that user or group. */
function isMine({ tun }: Link): boolean {
  if (tun === undefined || !tun.persist) return false
  const { owner, group } = tun
  return owner === process.geteuid?.() || (group !== undefined && process.getgroups?.().includes(group) === true)
}

/** Throws if /dev/net/tun cannot be opened: inside, no more is allowed than outside. */
function checkTun(native: Native): void {
  const fd = native.open('/dev/net/tun', O_RDWR, -1)
  check(fd, 'open /dev/net/tun', tunAdvice(-fd))
  native.close(fd)
}

function tunAdvice(error: number): string | undefined {
  if (error === ENOENT || error === ENODEV) return 'the device is missing: sudo modprobe tun'
  if (error === EACCES || error === EPERM) {
    const command = [process.execPath, ...process.argv.slice(1)].join(' ')
    return `its mode is for root alone: sudo chmod 666 /dev/net/tun, or sudo ${command}`
  }
  return undefined
}
