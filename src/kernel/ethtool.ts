/** ethtool's settings by its generic netlink family, Linux 5.6 on. include/uapi/linux/ethtool_netlink.h. */
import { ENOENT, EOPNOTSUPP, EPERM, EPROTONOSUPPORT, isErrno } from '../core/errno.ts'
import type { LinkKsettings } from '../core/port.ts'
import { genlmsghdr } from '../netlink/index.ts'
import { GenericSocket } from './genetlink.ts'
import type { Native } from './native.ts'

const ETHTOOL_GENL_NAME = 'ethtool'
const ETHTOOL_GENL_VERSION = 1
const ETHTOOL_MSG_LINKMODES_SET = 5
const ETHTOOL_A_LINKMODES_HEADER = 1
const ETHTOOL_A_LINKMODES_SPEED = 5
const ETHTOOL_A_LINKMODES_DUPLEX = 6
const ETHTOOL_A_HEADER_DEV_INDEX = 1
const DUPLEX = { half: 0, full: 1 }

/**
 * Sets the speed and duplex that `ethtool` shows of an interface in the namespace that `nsfd` refers to, -1 for our own.
 * They are for the eye alone: where the kernel has no such thing, or does not let us, nothing happens.
 */
export function setLinkKsettings(native: Native, nsfd: number, ifindex: number, settings: LinkKsettings): void {
  const { speed, duplex } = settings
  try {
    using sock = GenericSocket.open(native, nsfd)
    sock.request({
      type: sock.family(ETHTOOL_GENL_NAME),
      what: () => `ETHTOOL_MSG_LINKMODES_SET speed ${speed} duplex ${duplex} on ifindex ${ifindex}`,
      write: builder =>
        builder
          .payload(genlmsghdr(ETHTOOL_MSG_LINKMODES_SET, ETHTOOL_GENL_VERSION))
          .nested(ETHTOOL_A_LINKMODES_HEADER, header => header.u32(ETHTOOL_A_HEADER_DEV_INDEX, ifindex))
          .u32(ETHTOOL_A_LINKMODES_SPEED, speed)
          .u8(ETHTOOL_A_LINKMODES_DUPLEX, DUPLEX[duplex]),
    })
  } catch (error) {
    if (!isErrno(error, EOPNOTSUPP, ENOENT, EPERM, EPROTONOSUPPORT)) throw error
  }
}
