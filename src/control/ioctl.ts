/** IOCTL: an ioctl that some process made, or would make, on an interface of ours. No process's memory is touched. */
import { devIoctl } from '../core/dev-ioctl.ts'
import { IFR_IFRU } from '../core/sockios.ts'
import { noMemory } from '../core/user-data.ts'
import { getU64, putU64 } from '../netlink/index.ts'
import {
  ioctlRequest,
  VNET_ATTR_IOCTL_DATA,
  VNET_ATTR_IOCTL_DATA_OFFSET,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_IOCTL_RESULT,
  VNET_CMD_IOCTL,
  VNET_IOCTL_DATA_ADDRESS,
} from './family.ts'
import { InlineMemory } from './inline-memory.ts'
import { type Operation, operation } from './operation.ts'
import { type Subject, theOne } from './subject.ts'

export function ioctl(subject: Subject): Operation {
  return operation({
    cmd: VNET_CMD_IOCTL,
    policy: ioctlRequest,
    doit({ ioctlCmd, ifreq, ioctlData, ...which }, { missing }) {
      const dev = theOne(subject, which)
      const ifr = ifreq.slice()
      if (ioctlData !== undefined && ioctlData.length > 0 && getU64(ifr, IFR_IFRU) === 0n) {
        putU64(ifr, IFR_IFRU, BigInt(VNET_IOCTL_DATA_ADDRESS))
      }
      const memory = ioctlData && new InlineMemory(ioctlData.slice(), getU64(ifr, IFR_IFRU))
      const result = devIoctl(dev, ioctlCmd, ifr, memory ?? noMemory, missing === undefined)
      return builder => {
        builder.s32(VNET_ATTR_IOCTL_RESULT, result).binary(VNET_ATTR_IOCTL_IFREQ, ifr)
        const written = memory?.written
        if (written === undefined) return
        builder.binary(VNET_ATTR_IOCTL_DATA, written.octets).u32(VNET_ATTR_IOCTL_DATA_OFFSET, written.offset)
      }
    },
  })
}
