/** How much data a segment may have: by the MTU of the path, the peer's MSS and its window. */
import type { Ip } from './contract.ts'

/** Lengths of the headers of IP and TCP without options. */
const HEADERS_V4 = 40
const HEADERS_V6 = 60
/** The longest packet of IP. */
const MAX_PACKET = 65_535
/** The MSS of a peer that sends no option (RFC 9293 sec. 3.7.1), and the least that Linux takes. */
export const DEFAULT_MSS = 536
const MIN_MSS = 48

/** Returns the MSS of the path to an address. */
export function pathMss(ip: Ip, to: Uint8Array): number {
  const headers = to.length === 4 ? HEADERS_V4 : HEADERS_V6
  return Math.max(Math.min(ip.mtuTo(to), MAX_PACKET) - headers, MIN_MSS)
}

/**
 * Returns the data of a full segment with `options` bytes of options. It is at most half of the
 * largest window, because a segment that is larger than the window would never be sent.
 */
export function segmentData(path: number, peer: number, options: number, maxWindow: number): number {
  const mss = Math.max(Math.min(path, peer), MIN_MSS) - options
  if (maxWindow === 0) return mss
  return Math.min(mss, Math.max(maxWindow > DEFAULT_MSS ? maxWindow >> 1 : maxWindow, MIN_MSS))
}
