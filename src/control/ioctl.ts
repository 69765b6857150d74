/** IOCTL: an ioctl that some process made, or would make, on an interface of ours. */
import { devIoctl } from '../core/dev-ioctl.ts'
import { EINVAL, ETIMEDOUT, VnetError } from '../core/errno.ts'
import { IFR_IFRU } from '../core/sockios.ts'
import { noMemory } from '../core/user-data.ts'
import { putU64 } from '../netlink/index.ts'
import {
  ioctlRequest,
  VNET_ATTR_IOCTL_DATA,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_IOCTL_PID,
  VNET_ATTR_IOCTL_RESULT,
  VNET_CMD_IOCTL,
  VNET_IOCTL_DATA_ADDRESS,
} from './family.ts'
import { inlineMemory } from './inline-memory.ts'
import { type Operation, operation } from './operation.ts'
import { ProcessMemory } from './process-memory.ts'
import { Refusal } from './refusal.ts'
import { type Subject, theOne } from './subject.ts'

export function ioctl(subject: Subject): Operation {
  return operation({
    cmd: VNET_CMD_IOCTL,
    policy: ioctlRequest,
    doit({ ioctlCmd, ifreq, ioctlPid, ioctlData, ioctlDeadline, ...which }, { uid, mayChange }) {
      if (ioctlDeadline !== undefined && process.hrtime.bigint() > ioctlDeadline) {
        throw new VnetError(ETIMEDOUT, 'vnet_nl', 'it comes too late: its caller waits no more')
      }
      const dev = theOne(subject, which)
      if (ioctlPid !== undefined && ioctlData !== undefined) {
        throw new Refusal(EINVAL, VNET_ATTR_IOCTL_PID, 'ioctlPid: the data is in the request already')
      }
      const ifr = ifreq.slice()
      const data = ioctlData?.slice()
      if (data !== undefined) putU64(ifr, IFR_IFRU, BigInt(VNET_IOCTL_DATA_ADDRESS))
      using caller = ioctlPid === undefined ? undefined : new ProcessMemory(ioctlPid, uid, subject.native)
      const memory = caller ?? (data === undefined ? noMemory : inlineMemory(data, VNET_IOCTL_DATA_ADDRESS))
      const result = devIoctl(dev, ioctlCmd, ifr, memory, mayChange)
      return builder => {
        builder.s32(VNET_ATTR_IOCTL_RESULT, result).binary(VNET_ATTR_IOCTL_IFREQ, ifr)
        if (data !== undefined) builder.binary(VNET_ATTR_IOCTL_DATA, data)
      }
    },
  })
}
