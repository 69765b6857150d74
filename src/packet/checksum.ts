/**
 * The Internet checksum (RFC 1071), in full and by increments (RFC 1624).
 *
 * A *sum* is a ones' complement sum before the final complement: the content of a partial checksum
 * field. A *checksum* is the complement of a sum: the content of a finished header. Sums may be
 * added in any order. 0 and 0xffff both mean zero. A sum is 0 only if every byte is, so a checksum
 * made here is 0xffff only if everything summed is zero.
 */
import { get16, put16 } from './octets.ts'

/** With more bytes at a time, the running sums could exceed 31 bits. */
const BLOCK = 0x10000

/** Folds a sum below 2^32 to 16 bits. */
export function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16)
  return (once & 0xffff) + (once >>> 16)
}

/** The checksum of a sum below 2^32: folded and complemented. */
export function finish(sum: number): number {
  return ~fold(sum) & 0xffff
}

/**
 * Adds `length` bytes from `at` to `sum` (below 2^31), as 16-bit words in network order, and folds
 * the result to 16 bits. An odd last byte is padded with a zero. `at` may be odd. RFC 1071 sec. 1.
 * Throws a RangeError for more than 64 KiB that are not there.
 *
 * `view` is optional and must cover the same memory as `bytes`. With it four bytes are loaded at
 * once, which is twice as fast for more than a few hundred bytes.
 */
export function onesComplementSum(
  bytes: Uint8Array,
  at: number,
  length: number,
  sum = 0,
  view?: DataView,
): number {
  let total = sum
  let from = at
  let left = length
  // The loops below count in 32 bits: absurd numbers would take minutes.
  if (!(left > 0 && at >= 0 && at < bytes.length)) return fold(sum)
  if (left > BLOCK && !(left <= bytes.length - at)) {
    throw new RangeError(`no ${left} bytes from ${at}`)
  }
  while (left > BLOCK) {
    total = sumBlock(bytes, from, BLOCK, total, view)
    from += BLOCK
    left -= BLOCK
  }
  return sumBlock(bytes, from, left, total, view)
}

function sumBlock(
  bytes: Uint8Array,
  at: number,
  length: number,
  sum: number,
  view: DataView | undefined,
): number {
  const end = (at + length) | 0
  let i = at | 0
  let wide = 0
  if (view !== undefined) {
    // The sum of little-endian words is the same with its bytes swapped (RFC 1071 sec. 2.B).
    let high = 0
    let low = 0
    for (const last = (end - 15) | 0; i < last; i = (i + 16) | 0) {
      const a = view.getInt32(i, true)
      const b = view.getInt32(i + 4, true)
      const c = view.getInt32(i + 8, true)
      const d = view.getInt32(i + 12, true)
      low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0
      high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0
    }
    const swapped = fold((low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16))
    wide = ((swapped & 0xff) << 8) | (swapped >>> 8)
  }
  // High and low bytes are summed separately, which saves a shift for each word.
  let high = 0
  let low = 0
  for (const last = (end - 15) | 0; i < last; i = (i + 16) | 0) {
    high =
      (high +
        (bytes[i] + bytes[i + 2] + bytes[i + 4] + bytes[i + 6]) +
        (bytes[i + 8] + bytes[i + 10] + bytes[i + 12] + bytes[i + 14])) |
      0
    low =
      (low +
        (bytes[i + 1] + bytes[i + 3] + bytes[i + 5] + bytes[i + 7]) +
        (bytes[i + 9] + bytes[i + 11] + bytes[i + 13] + bytes[i + 15])) |
      0
  }
  for (const last = (end - 1) | 0; i < last; i = (i + 2) | 0) {
    high += bytes[i]
    low += bytes[i + 1]
  }
  if (i < end) {
    high += bytes[i]
  }
  return fold(wide + ((high & 0xff) << 8) + (high >>> 8) + low + fold(sum))
}

/**
 * The sum of the IPv4 pseudo-header, folded to 16 bits: the addresses of the header at `at`,
 * `protocol`, and the length of transport header and payload (RFC 9293 sec. 3.1, RFC 768).
 */
export function pseudoHeaderSum4(
  bytes: Uint8Array,
  at: number,
  protocol: number,
  length: number,
): number {
  return fold(
    get16(bytes, at + 12) +
      get16(bytes, at + 14) +
      get16(bytes, at + 16) +
      get16(bytes, at + 18) +
      protocol +
      length,
  )
}

/**
 * The sum of the IPv6 pseudo-header: the addresses of the header at `at`, the upper layer's
 * `protocol`, and the length of its header and payload (RFC 8200 sec. 8.1).
 */
export function pseudoHeaderSum6(
  bytes: Uint8Array,
  at: number,
  protocol: number,
  length: number,
): number {
  return onesComplementSum(bytes, at + 8, 32, protocol + (length & 0xffff) + (length >>> 16))
}

/** The checksum after a word changed from `from` to `to`: RFC 1624 eqn. 3, ~(~HC + ~m + m'). */
export function checksumUpdate(checksum: number, from: number, to: number): number {
  return ~fold((~checksum & 0xffff) + (~from & 0xffff) + to) & 0xffff
}

/** Turns a change of words, less than 16 * 0xffff up or down, into a growth of 1 to 0xffff. */
export function growthOf(delta: number): number {
  return fold(delta + 0xffff0)
}

/**
 * The checksum after its words grew by `growth` in total: eqn. 3 for many words together. A growth
 * of 0xffff is zero and does not change the checksum.
 */
export function checksumGrow(checksum: number, growth: number): number {
  if (growth === 0xffff) return checksum
  const check = checksum - growth
  return check < 0 ? check + 0xffff : check
}

/**
 * Updates the checksum at `at` after its data grew by `delta`. With `zeroIsNone`, as in UDP, 0
 * means no checksum, which remains 0, and a checksum of 0 is written as 0xffff.
 */
export function growChecksum(
  bytes: Uint8Array,
  at: number,
  delta: number,
  zeroIsNone = false,
): void {
  const before = get16(bytes, at)
  if (before === 0 && zeroIsNone) return
  const after = checksumGrow(before, growthOf(delta))
  put16(bytes, at, after === 0 && zeroIsNone ? 0xffff : after)
}

/** Like checksumGrow for a folded sum, as in a partial checksum field. */
export function sumGrow(sum: number, growth: number): number {
  if (growth === 0xffff) return sum
  const grown = sum + growth
  return grown > 0xffff ? grown - 0xffff : grown
}
