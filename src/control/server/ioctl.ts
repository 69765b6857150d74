/** IOCTL: an ioctl on an interface. The request carries the data: no process's memory is used. */

import { ByteMemory, devIoctl, noMemory } from '../../netdev/dev-ioctl.ts'
import { IFR_IFRU } from '../../netdev/if.ts'
import { getU64, putU64 } from '../../netlink/index.ts'
import { commands, VNET_IOCTL_DATA_ADDRESS } from '../protocol/family.ts'
import { type Operation, operation } from './operation.ts'
import { type Subject, theOne } from './subject.ts'

export function ioctl(subject: Subject): Operation {
  return operation(commands.ioctl, {
    doit({ cmd, ifreq, data, ...which }, { missing }) {
      const dev = theOne(subject, which)
      const ifr = ifreq.slice()
      if (data !== undefined && data.length > 0 && getU64(ifr, IFR_IFRU) === 0n) {
        putU64(ifr, IFR_IFRU, BigInt(VNET_IOCTL_DATA_ADDRESS))
      }
      const memory = data && new RequestMemory(data.slice(), getU64(ifr, IFR_IFRU))
      const result = devIoctl(dev, cmd, ifr, memory ?? noMemory, missing === undefined)
      return { result, ifreq: ifr, data: memory?.written }
    },
  })
}

/** Remembers how much was written: a driver writes only from ifr_data on. */
class RequestMemory extends ByteMemory {
  #length = 0

  override write(address: bigint, from: Uint8Array): number {
    const result = super.write(address, from)
    if (result === 0) this.#length = Math.max(this.#length, from.length)
    return result
  }

  get written(): Uint8Array | undefined {
    return this.#length === 0 ? undefined : this.bytes.subarray(0, this.#length)
  }
}
