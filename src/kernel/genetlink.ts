/** GenericSocket: requests to families of the kernel's generic netlink (netlink/genl.ts), synchronously. */
import { ENOENT, VnetError } from '../core/errno.ts'
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_CMD_GETFAMILY,
  CTRL_VERSION,
  decodeAttributes,
  GENL_ID_CTRL,
  genlmsghdr,
  parseGenl,
  policy,
  u16,
} from '../netlink/index.ts'
import type { Native } from './native.ts'
import { NetlinkSocket } from './netlink-socket.ts'

const familyPolicy = policy({ id: u16(CTRL_ATTR_FAMILY_ID) })

export class GenericSocket extends NetlinkSocket {
  /** Opens a socket in the network namespace that descriptor `nsfd` refers to; -1 is the caller's own. */
  static open(native: Native, nsfd = -1): GenericSocket {
    return new GenericSocket(native, 'NETLINK_GENERIC', nsfd)
  }

  /** The type of messages to a family; VnetError ENOENT when the kernel has none of the name. */
  family(name: string): number {
    let found: number | undefined
    this.request(
      {
        type: GENL_ID_CTRL,
        what: () => `CTRL_CMD_GETFAMILY ${name}`,
        write: builder =>
          builder.payload(genlmsghdr(CTRL_CMD_GETFAMILY, CTRL_VERSION)).string(CTRL_ATTR_FAMILY_NAME, name),
      },
      (bytes, message) => {
        const { offset, length } = parseGenl(bytes, message)
        found = decodeAttributes(familyPolicy, bytes, offset, length).id
      },
    )
    if (found === undefined) throw new VnetError(ENOENT, `CTRL_CMD_GETFAMILY ${name}`)
    return found
  }
}
