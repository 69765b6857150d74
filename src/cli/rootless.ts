/**
 * Without root: a network namespace of the program's own, in a user namespace in which the user may configure it. The program
 * starts again in there, as the same process. Persistent interfaces of the user's, and namespaces that are named, are used
 * where they are.
 */
import { EACCES, ENODEV, ENOENT, EPERM } from '../core/errno.ts'
import { check } from '../kernel/errno.ts'
import { builtFile, type Native } from '../kernel/native.ts'
import { hasCapability } from '../kernel/privileges.ts'
import { getLinks, type Link, RouteSocket } from '../kernel/rtnetlink.ts'
import { CAP_NET_ADMIN, O_RDWR } from '../kernel/uapi.ts'
import type { CommonOptions } from './options.ts'

/** Set to the process's own id where it has started again: its children are not meant. */
const ENTERED = 'VNET_ROOTLESS'

/** The command by which another terminal of the same user gets there; undefined for a program that runs where it was started. */
export function enterCommand(): string | undefined {
  if (process.env[ENTERED] !== String(process.pid)) return undefined
  return `nsenter --preserve-credentials -U -n -t ${process.pid}`
}

/**
 * Starts again in namespaces of its own if that is what makes the interfaces possible: an ordinary user's, new ones, with no
 * say where. `namesOf` returns what the driver calls them by itself. Returns when there is nothing to enter; throws a VnetError
 * when it cannot.
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

/** One that the user may attach to, and that no program drives. */
function isMine({ tun }: Link): boolean {
  if (tun === undefined || !tun.persist) return false
  const { owner, group } = tun
  return owner === process.geteuid?.() || (group !== undefined && process.getgroups?.().includes(group) === true)
}

/** Inside no more is allowed than outside. */
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
