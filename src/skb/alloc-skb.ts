/**
 * The kernel's functions to allocate a frame, for a device as netdev_alloc_skb does. The caller
 * owns the frame. It is empty, `skb.dev` is the device, and it may have more room than requested.
 * undefined means that the frame memory has no slot left; the driver then counts a drop. A frame is
 * freed by `skb.free()` (dev_kfree_skb), or by `skb.drop(reason)` if it did not arrive. Code
 * without a device uses `pool.alloc(size)`.
 */
import type { Fn } from '../base/exception.ts'
import { skbPanic } from './error.ts'
import { FRAME_MAX, HEADROOM, type SkBuffPool } from './pool.ts'
import type { SkBuff, SkBuffDevice } from './sk-buff.ts'

/** A registered device. */
export interface AllocDevice extends SkBuffDevice {
  readonly net: { readonly pool: SkBuffPool }
}

/**
 * alloc_skb: a frame with room for `size` bytes and no headroom: head = data = tail.
 * `skb.reserve(n)` turns room into headroom. Throws an SkbError if the size fits no slot.
 */
export function allocSkb(dev: AllocDevice, size: number): SkBuff | undefined {
  const pool = checkedPool(dev, size, HEADROOM + FRAME_MAX, allocSkb)
  const skb = pool.alloc(size < HEADROOM ? 0 : size - HEADROOM)
  if (skb === undefined) return undefined
  skb.data = skb.head
  skb.dev = dev
  return skb
}

/**
 * dev_alloc_skb: a frame with room for `size` bytes after the usual headroom. The headroom includes
 * NET_IP_ALIGN, so that the IP header is at a multiple of four without a reserve. Throws an
 * SkbError if the size fits no slot.
 */
export function devAllocSkb(dev: AllocDevice, size: number): SkBuff | undefined {
  const skb = checkedPool(dev, size, FRAME_MAX, devAllocSkb).alloc(size)
  if (skb !== undefined) {
    skb.dev = dev
  }
  return skb
}

/** Returns the frame memory of a device. Throws an SkbError for wrong arguments of `fn`. */
function checkedPool(dev: AllocDevice, size: number, most: number, fn: Fn): SkBuffPool {
  const pool = dev?.net?.pool
  if (pool === undefined) {
    throw skbPanic(`${fn.name} without a device`, fn, `call ${fn.name}(dev, size)`)
  }
  if (!(size >= 0 && size <= most)) {
    throw skbPanic(`${fn.name} of ${size} bytes`, fn, `0 to ${most} fit a slot`)
  }
  return pool
}
