/** A queue's counters besides the fields of rtnl_link_stats64 and its drops. */
import type { NetDevice } from '../../netdev/net-device.ts'
import { VNET_INJECT_FRAMES_MAX } from './family.ts'

export interface QueueCounters {
  /** Times that the driver was offered a frame again after NETDEV_TX_BUSY. */
  readonly requeues: number
  /** Times that the watchdog found the queue stopped for too long. */
  readonly txTimeouts: number
  /** Frames of the receive queue of the same number that were merged into the one before. */
  readonly groMerged: number
  /** Extra frames: duplicates, and every segment of a GSO frame except the first. */
  readonly made: number
}

export function queueCounters({ tx, counters: { groMerged, made } }: NetDevice): QueueCounters[] {
  return tx.map(({ requeues, transTimeout }, q) => ({
    requeues,
    txTimeouts: transTimeout,
    groMerged: groMerged[q] ?? 0,
    made: made[q] ?? 0,
  }))
}

export function deviceCounters({ tx, counters }: NetDevice): QueueCounters {
  const sum = { requeues: 0, txTimeouts: 0, groMerged: 0, made: 0 }
  for (let q = 0; q < tx.length; q++) {
    sum.requeues += tx[q].requeues
    sum.txTimeouts += tx[q].transTimeout
    sum.groMerged += counters.groMerged[q] ?? 0
    sum.made += counters.made[q] ?? 0
  }
  return sum
}

/** Frames that one request may have received: frames of the network must not wait for more. */
export const INJECT_FRAMES = 128
export const FRAME_PREFIX = 2

/** Returns the list of as many frames as fit one, from `from` on, and their number. */
export function encodeFrames(
  frames: readonly Uint8Array[],
  from: number,
): { readonly list: Uint8Array; readonly count: number } {
  let [count, size] = [0, 0]
  while (count < INJECT_FRAMES && from + count < frames.length) {
    const more = FRAME_PREFIX + (frames[from + count] as Uint8Array).length
    if (size + more > VNET_INJECT_FRAMES_MAX) break
    size += more
    count++
  }
  const list = new Uint8Array(size)
  let at = 0
  for (let i = from; i < from + count; i++) {
    const frame = frames[i] as Uint8Array
    list[at] = frame.length >>> 8
    list[at + 1] = frame.length
    list.set(frame, at + FRAME_PREFIX)
    at += FRAME_PREFIX + frame.length
  }
  return { list, count }
}

/** Returns the length of the frame with the prefix at `at`. */
export function frameLength(list: Uint8Array, at: number): number {
  return (list[at] << 8) | list[at + 1]
}

/** Returns whether the list ends with the end of a frame. */
export function isWhole(list: Uint8Array): boolean {
  let at = 0
  while (at + FRAME_PREFIX <= list.length) at += FRAME_PREFIX + frameLength(list, at)
  return at === list.length
}
