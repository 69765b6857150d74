/**
 * The multicast group of vnet_nl as a program sees it. Its own number is one of NETLINK_USERSOCK's, and would mean some family's of the
 * kernel's on the program's socket; so nlctrl tells another, which no group of the kernel's has.
 */
import {
  attributes,
  CTRL_ATTR_MCAST_GROUPS,
  CTRL_ATTR_MCAST_GRP_ID,
  CTRL_CMD_NEWFAMILY,
  GENL_ID_CTRL,
  messages,
  parseGenl,
  putU32,
} from '../../netlink/index.ts'
import { VNET_PORT } from '../family.ts'

export const PROGRAM_GROUP = VNET_PORT

/** Writes the program's number into what nlctrl says of vnet_nl, in place; `datagram` is whole messages. */
export function renumberGroups(datagram: Uint8Array): void {
  for (const message of messages(datagram)) {
    if (message.type !== GENL_ID_CTRL) continue
    const { cmd, offset, length } = parseGenl(datagram, message)
    if (cmd !== CTRL_CMD_NEWFAMILY) continue
    for (const set of attributes(datagram, offset, length)) {
      if (set.type !== CTRL_ATTR_MCAST_GROUPS) continue
      for (const group of attributes(datagram, set.offset, set.length)) {
        for (const { type, offset } of attributes(datagram, group.offset, group.length)) {
          if (type === CTRL_ATTR_MCAST_GRP_ID) putU32(datagram, offset, PROGRAM_GROUP)
        }
      }
    }
  }
}
