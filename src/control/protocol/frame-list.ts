/** The frames of an INJECT: each after its length, 2 bytes in network byte order, unpadded. */
import { VNET_INJECT_FRAMES_MAX } from './family.ts'

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

/**
 * Returns the length of the frame that the prefix at `at` announces, which may not be there whole.
 */
export const frameLength = (list: Uint8Array, at: number): number => (list[at] << 8) | list[at + 1]

/** Returns whether the list ends with the end of a frame. */
export function isWhole(list: Uint8Array): boolean {
  let at = 0
  while (at + FRAME_PREFIX <= list.length) {
    at += FRAME_PREFIX + frameLength(list, at)
  }
  return at === list.length
}
