/** The kernel's part in a test bed: it refuses frames. */
import type { AnyDevice } from '../netdev/driver.ts'
import { canOffload } from '../netdev/gso.ts'
import { ETH_HLEN, IFF_UP, VLAN_HLEN } from '../netdev/if.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '../skb/sk-buff.ts'
import type { FrameInfo } from './memory-port.ts'

/** The address at which an ioctl caller's memory starts. */
export const DATA_AT = 0x1000n

/** Throws for a frame that the kernel does not give to a device. */
export function refuse(
  { name, flags, carrier, mtu, features }: AnyDevice,
  { length }: Uint8Array,
  info: FrameInfo,
): void {
  const { gsoSize = 0, gsoType = 0, ipSummed = 0 } = info
  const why = (text: string): Error => new Error(`the kernel transmits nothing on ${name}: ${text}`)
  if ((flags & IFF_UP) === 0) throw why('it is down')
  if (!carrier) throw why('it has no carrier')
  if (length < ETH_HLEN) throw why(`a frame of ${length} bytes has no whole header`)
  if (gsoSize === 0 && length > mtu + ETH_HLEN + VLAN_HLEN) throw why(`${length} bytes are more than its MTU of ${mtu}`)
  const isOffloaded = gsoSize !== 0 || ipSummed === CHECKSUM_PARTIAL
  if (isOffloaded && !canOffload({ gsoSize, gsoType } as SkBuff, features)) {
    throw why('the driver does not offer the offload (dev.features)')
  }
}
