/**
 * The kernel's functions to allocate a frame, from a pool: a driver uses `dev.net.pool`. The caller
 * owns the frame. It is empty, has no device, and may have more room than requested. undefined
 * means that the pool has no slot left; the driver then counts a drop. A frame is freed by
 * `skb.free()` (dev_kfree_skb), or by `skb.drop(reason)` if it did not arrive.
 */
import { skbPanic } from './error.ts'
import { FRAME_MAX, HEADROOM, type SkBuffPool } from './pool.ts'
import type { SkBuff } from './sk-buff.ts'

/**
 * alloc_skb: a frame with room for `size` bytes and no headroom: head = data = tail.
 * `skb.reserve(n)` turns room into headroom. Throws an SkbError if the size fits no slot.
 */
export function allocSkb(pool: SkBuffPool, size: number): SkBuff | undefined {
  if (!(size >= 0 && size <= HEADROOM + FRAME_MAX)) throw sizePanic('alloc_skb', size, HEADROOM + FRAME_MAX, allocSkb)
  const skb = pool.alloc(size < HEADROOM ? 0 : size - HEADROOM)
  if (skb !== undefined) skb.data = skb.head
  return skb
}

/**
 * dev_alloc_skb: a frame with room for `size` bytes after the usual headroom. The headroom includes
 * NET_IP_ALIGN, so that the IP header is at a multiple of four without a reserve. Throws an
 * SkbError if the size fits no slot.
 */
export function devAllocSkb(pool: SkBuffPool, size: number): SkBuff | undefined {
  if (!(size >= 0 && size <= FRAME_MAX)) throw sizePanic('dev_alloc_skb', size, FRAME_MAX, devAllocSkb)
  return pool.alloc(size)
}

function sizePanic(verb: string, size: number, most: number, fn: (pool: SkBuffPool, size: number) => unknown) {
  return skbPanic(`${verb} of ${size} bytes`, fn, `0 to ${most} fit a slot`)
}
