/**
 * IOCTL: an ioctl on an interface. It touches no process's memory: the request carries its data.
 */

import { EFAULT } from '../../base/errno.ts'
import { devIoctl, noMemory, type UserMemory } from '../../netdev/dev-ioctl.ts'
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
      const memory = data && new InlineMemory(data.slice(), getU64(ifr, IFR_IFRU))
      const result = devIoctl(dev, cmd, ifr, memory ?? noMemory, missing === undefined)
      return { result, ifreq: ifr, data: memory?.written, dataOffset: memory?.written && memory.from }
    },
  })
}

/** Memory that consists of some bytes at an address. */
class InlineMemory implements UserMemory {
  readonly #bytes: Uint8Array
  readonly #base: bigint
  /** Offset of the first byte that was written. */
  from = Number.POSITIVE_INFINITY
  #until = 0

  constructor(bytes: Uint8Array, base: bigint) {
    this.#bytes = bytes
    this.#base = base
  }

  read(address: bigint, into: Uint8Array): number {
    const offset = this.#offset(address, into.length)
    if (offset === undefined) return -EFAULT
    into.set(this.#bytes.subarray(offset, offset + into.length))
    return 0
  }

  write(address: bigint, from: Uint8Array): number {
    const offset = this.#offset(address, from.length)
    if (offset === undefined) return -EFAULT
    if (from.length === 0) return 0
    this.#bytes.set(from, offset)
    this.from = Math.min(this.from, offset)
    this.#until = Math.max(this.#until, offset + from.length)
    return 0
  }

  /** The part that holds everything that was written; undefined if nothing was. */
  get written(): Uint8Array | undefined {
    return this.#until === 0 ? undefined : this.#bytes.subarray(this.from, this.#until)
  }

  /** Undefined unless all of an access is inside. */
  #offset(address: bigint, length: number): number | undefined {
    const offset = address - this.#base
    return offset < 0n || offset + BigInt(length) > BigInt(this.#bytes.length) ? undefined : Number(offset)
  }
}
