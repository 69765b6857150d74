/** Finds the interface to attach to, and refuses interfaces that a wire cannot be attached to. */
import { lstatSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { attempt, EBUSY, ENETDOWN, ENODEV, EOPNOTSUPP, EPERM, VnetError } from '../base/errno.ts'
import { type Native, readSysctl, writeSysctl } from '../linux/index.ts'
import { inNetns } from '../linux/netns-name.ts'
import { getLink, getRoutes, type Link, RouteSocket, setLink } from '../linux/rtnetlink.ts'
import { ARPHRD_ETHER, ARPHRD_LOOPBACK, ETH_MAX_MTU, IFF_UP } from '../netdev/if.ts'
import { attachedBy } from './tcx.ts'

/** An interface that a wire can be attached to. */
export interface Target {
  /** The user's text: the interface, with its network namespace if given. */
  readonly text: string
  /** undefined is our own. */
  readonly netns: string | undefined
  readonly link: Link
  /** True if a default route of its namespace leads through it. */
  readonly hasDefaultRoute: boolean
}

/** Returns the name of a TAP of an attachment: `a` faces the network, `b` the network stack. */
export const attachTapName = (ifindex: number, end: 'a' | 'b'): string => `wire${ifindex}${end}`

/** Throws a VnetError with a one-line message if nothing can be attached to the interface. */
export function findTarget(
  native: Native,
  { name, netns }: { readonly name: string; readonly netns: string | undefined },
): Target {
  const text = netns === undefined ? name : `${netns}/${name}`
  const refusal = (errno: number, why: string) => new VnetError(errno, `attach ${text}`, why)
  return inNetns(native, netns, nsfd => {
    using sock = RouteSocket.open(native, nsfd)
    const link = getLink(sock, { name })
    if (link === undefined) {
      throw refusal(ENODEV, 'there is no such interface; `ip link` lists them')
    }
    if (link.type !== ARPHRD_ETHER && link.type !== ARPHRD_LOOPBACK) {
      throw refusal(EOPNOTSUPP, `${link.kind ?? 'it'} has no Ethernet headers, which a wire needs`)
    }
    const { ifindex } = link
    const by = attachedBy(native, { nsfd, ifindex })
    if (by !== undefined) throw refusal(EBUSY, attachedText(by))
    const taps = [attachTapName(ifindex, 'a'), attachTapName(ifindex, 'b')]
    const taken = taps.find(tap => getLink(sock, { name: tap }) !== undefined)
    if (taken !== undefined) {
      throw refusal(EBUSY, `another process is attached to it, or made ${taken}`)
    }
    if (link.kind === 'tun' && /^wire\d+[ab]$/.test(name)) {
      throw refusal(EBUSY, 'it belongs to an attachment')
    }
    if ((link.flags & IFF_UP) === 0) throw refusal(ENETDOWN, `it is down: ip link set ${name} up`)
    const hasDefaultRoute = getRoutes(sock).some(
      ({ prefixLen, oif }) => prefixLen === 0 && oif === ifindex,
    )
    return { text, netns, link, hasDefaultRoute }
  })
}

/** Names the process that is attached; the daemon may be so for the labels of a container. */
function attachedText(pid: number): string {
  const [, , command] = (attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').split(
    '\0',
  )
  if (command !== 'node') return `process ${pid} is attached to it`
  return `the daemon vnet node (process ${pid}) is attached to it: \`vnet wire\` changes it, \`vnet detach\` ends it`
}

const SETTINGS = [
  ['net/ipv4/conf/lo/route_localnet', '1'],
  ['net/ipv4/conf/lo/accept_local', '1'],
  // The kernel uses the larger of the two.
  ['net/ipv4/conf/all/rp_filter', '0'],
  ['net/ipv4/conf/lo/rp_filter', '0'],
] as const

/** The values from before an attachment, by the names of the settings, and the MTU. */
type Before = Record<string, string>

/** Returns the values that were left by this user's vnet, which was killed. */
function leftIn(file: string): Before {
  const isOwn = attempt(() => lstatSync(file))?.uid === process.geteuid?.()
  return (isOwn && attempt(() => JSON.parse(readFileSync(file, 'utf8')))) || {}
}

/**
 * Prepares lo for a wire. A frame from the wire is received like a frame from a network, without
 * the route that it was sent by, so IPv4 must accept local addresses there. Returns a function that
 * restores the settings. Throws a VnetError with the remedy if a setting may not be changed; all
 * settings are then restored.
 */
export function prepareLoopback(native: Native, { text, netns, link }: Target): () => void {
  return inNetns(native, netns, nsfd => {
    // After `kill -9` it is left for the next attachment, which would take the changed values.
    const file = `/run/vnet-lo-${statSync(nsfd < 0 ? '/proc/self/ns/net' : `/proc/self/fd/${nsfd}`).ino}.json`
    const left = leftIn(file)
    const before: Before = {}
    for (const [name, value] of SETTINGS) {
      const present = readSysctl(native, nsfd, name)
      // A namespace may have the number of an earlier one: its values are the usual ones.
      before[name] = present === value ? (left[name] ?? present) : present
    }
    before.mtu = link.mtu > ETH_MAX_MTU ? `${link.mtu}` : (left.mtu ?? `${link.mtu}`)
    const restore = () =>
      inNetns(native, netns, there => {
        for (const [name] of SETTINGS) {
          const value = before[name] as string
          if (readSysctl(native, there, name) !== value) {
            writeSysctl(native, there, name, value)
          }
        }
        setMtu(native, there, link.ifindex, Number(before.mtu))
        attempt(() => rmSync(file, { force: true }))
      })
    attempt(() => rmSync(file, { force: true }))
    // Where /run is another user's, nothing is kept.
    attempt(() => writeFileSync(file, JSON.stringify(before), { mode: 0o600, flag: 'wx' }))
    try {
      const refused = SETTINGS.flatMap(([name, value]) => refusedSetting(native, nsfd, name, value))
      if (refused.length > 0) {
        const remedy = `vnet may not change settings: sysctl -w ${refused.map(([name]) => name).join(' ')}`
        throw new VnetError(refused[0]?.[1] ?? EPERM, `attach ${text}`, remedy)
      }
      if (link.mtu > ETH_MAX_MTU) {
        setMtu(native, nsfd, link.ifindex, ETH_MAX_MTU)
      }
      return restore
    } catch (error) {
      attempt(restore)
      throw error
    }
  })
}

/** Sets a setting. Returns its text for sysctl(8) and an errno if that is refused. */
function refusedSetting(
  native: Native,
  nsfd: number,
  name: string,
  value: string,
): (readonly [string, number])[] {
  if (readSysctl(native, nsfd, name) === value) return []
  try {
    writeSysctl(native, nsfd, name, value)
    return []
  } catch (error) {
    if (error instanceof VnetError) return [[`${name.replaceAll('/', '.')}=${value}`, error.errno]]
    throw error
  }
}

/** Sets the MTU of lo, at most a TAP's while attached: larger frames would be dropped. */
function setMtu(native: Native, nsfd: number, ifindex: number, mtu: number): void {
  using sock = RouteSocket.open(native, nsfd)
  if (getLink(sock, { ifindex }) !== undefined) {
    setLink(sock, ifindex, { mtu })
  }
}
