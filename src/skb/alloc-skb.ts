/**
 * Allocating frames under the kernel's names, out of a pool: a driver's is `dev.net.pool`. The caller owns the frame, which
 * is empty and on no device, and may have more room than was asked for. undefined when the pool has no slot left: the
 * driver counts a drop. Freeing is `skb.free()` (dev_kfree_skb) or, of a frame that did not arrive, `skb.drop(reason)`.
 */
import { skbPanic } from './error.ts'
import { FRAME_MAX, HEADROOM, type SkBuffPool } from './pool.ts'
import type { SkBuff } from './sk-buff.ts'

/**
 * alloc_skb: a frame with room for `size` octets, and none before it: head = data = tail. `skb.reserve(n)` makes
 * headroom of it. Throws an SkbError on a size that fits no slot.
 */
export function allocSkb(pool: SkBuffPool, size: number): SkBuff | undefined {
  if (!(size >= 0 && size <= HEADROOM + FRAME_MAX)) throw sizePanic('alloc_skb', size, HEADROOM + FRAME_MAX, allocSkb)
  const skb = pool.alloc(size < HEADROOM ? 0 : size - HEADROOM)
  if (skb !== undefined) skb.data = skb.head
  return skb
}

/**
 * dev_alloc_skb: a frame with room for `size` octets behind the usual headroom. That includes NET_IP_ALIGN, so a driver
 * need not reserve the two octets that put the IP header on a multiple of four. Throws an SkbError on a size that fits no
 * slot.
 */
export function devAllocSkb(pool: SkBuffPool, size: number): SkBuff | undefined {
  if (!(size >= 0 && size <= FRAME_MAX)) throw sizePanic('dev_alloc_skb', size, FRAME_MAX, devAllocSkb)
  return pool.alloc(size)
}

function sizePanic(verb: string, size: number, most: number, fn: (pool: SkBuffPool, size: number) => unknown) {
  return skbPanic(`${verb} of ${size} octets`, fn, `0 to ${most} fit a slot`)
}
