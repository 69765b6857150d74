/** Decides where a program's datagram goes: to a vnet, to the kernel, or to both. Pure. */
import type { Entry } from 'vnet/control'
import { commands, VNET_GENL_ID, VNET_GENL_NAME, vnetAttributes } from 'vnet/kit/control'
import { netlink } from 'vnet/kit/netlink'
import { isIn } from './vnets.ts'

/** 'driver': messages for vnet_nl, or queries of it at nlctrl. 'both': a dump of all families. */
export type Addressee = 'kernel' | 'driver' | 'both'

const familyRequest = netlink.policy({
  id: netlink.u16(netlink.CTRL_ATTR_FAMILY_ID),
  name: netlink.string(netlink.CTRL_ATTR_FAMILY_NAME),
})
const deviceRequest = netlink.policy({
  ifindex: vnetAttributes.ifindex,
  ifname: vnetAttributes.ifname,
})

/**
 * Returns where a datagram goes by its messages. A datagram with any message that is not for a
 * vnet, and a malformed one, goes to the kernel as a whole.
 */
export function addresseeOf(octets: Uint8Array): Addressee {
  const addressee = netlink.parsed<Addressee>(() => {
    const all = [...netlink.messages(octets)]
    if (all.length === 1 && asksForAll(octets, all[0]!)) return 'both'
    const isForUs = all.every(
      message => message.type === VNET_GENL_ID || asksForUs(octets, message),
    )
    return isForUs && all.length > 0 ? 'driver' : 'kernel'
  })
  return addressee ?? 'kernel'
}

const isDump = ({ flags }: netlink.Message) => (flags & netlink.NLM_F_DUMP) === netlink.NLM_F_DUMP

function asksForAll(octets: Uint8Array, message: netlink.Message): boolean {
  return (
    message.type === netlink.GENL_ID_CTRL &&
    isDump(message) &&
    netlink.parseGenl(octets, message).cmd === netlink.CTRL_CMD_GETFAMILY
  )
}

function asksForUs(octets: Uint8Array, message: netlink.Message): boolean {
  if (message.type !== netlink.GENL_ID_CTRL) return false
  const { cmd, offset, length } = netlink.parseGenl(octets, message)
  // A policy is only dumped.
  if (cmd !== (isDump(message) ? netlink.CTRL_CMD_GETPOLICY : netlink.CTRL_CMD_GETFAMILY)) {
    return false
  }
  const { id, name } = netlink.decodeAttributes(familyRequest, octets, offset, length)
  return name === VNET_GENL_NAME || (name === undefined && id === VNET_GENL_ID)
}

/** Returns the vnet of the interface that a datagram names, else the first vnet. */
export function vnetFor(
  serving: readonly Entry[],
  netns: number,
  octets: Uint8Array,
): Entry | undefined {
  for (const message of netlink.messages(octets)) {
    const { ifindex, ifname } = deviceNamed(octets, message)
    if (ifindex === undefined && ifname === undefined) continue
    const named = serving.find(({ interfaces }) =>
      interfaces
        .filter(isIn(netns))
        .some(
          device =>
            (ifindex ?? device.ifindex) === device.ifindex &&
            (ifname ?? device.name) === device.name,
        ),
    )
    if (named !== undefined) return named
  }
  return serving[0]
}

function deviceNamed(
  octets: Uint8Array,
  message: netlink.Message,
): { readonly ifindex?: number; readonly ifname?: string } {
  if (message.type !== VNET_GENL_ID) return {}
  const device = netlink.parsed(() => {
    const { cmd, offset, length } = netlink.parseGenl(octets, message)
    // ECHO has other attributes.
    return cmd === commands.echo.cmd
      ? undefined
      : netlink.decodeAttributes(deviceRequest, octets, offset, length)
  })
  // The vnet reports an error.
  return device ?? {}
}
