/**
 * Numbers in the byte order of the machine, at any alignment: x86_64 and aarch64 are little-endian.
 * Bounds are not checked here, but by `attributes`, `messages` and policies.
 */

export const getU16 = (bytes: Uint8Array, offset: number): number =>
  bytes[offset] | (bytes[offset + 1] << 8)

export function getS32(bytes: Uint8Array, offset: number): number {
  return getU16(bytes, offset) | (getU16(bytes, offset + 2) << 16)
}

export const getU32 = (bytes: Uint8Array, offset: number): number => getS32(bytes, offset) >>> 0

export function getU64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(getU32(bytes, offset + 4)) << 32n) | BigInt(getU32(bytes, offset))
}

/** A u64 as a number, for counters: exact up to 2^53, rounded above. */
export function getCounter64(bytes: Uint8Array, offset: number): number {
  return getU32(bytes, offset + 4) * 0x1_0000_0000 + getU32(bytes, offset)
}

/** Writes a whole number as a u64. 2^64, the rounded value of the largest u64, becomes that u64. */
export function putCounter64(bytes: Uint8Array, offset: number, value: number): void {
  const isLargest = value === 2 ** 64
  putU32(bytes, offset, isLargest ? 0xffff_ffff : value % 0x1_0000_0000)
  putU32(bytes, offset + 4, isLargest ? 0xffff_ffff : value / 0x1_0000_0000)
}

export function putU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
}

/** Writes the low 32 bits, so it serves u32 and s32. */
export function putU32(bytes: Uint8Array, offset: number, value: number): void {
  putU16(bytes, offset, value)
  putU16(bytes, offset + 2, value >>> 16)
}

export function putU64(bytes: Uint8Array, offset: number, value: bigint): void {
  putU32(bytes, offset, Number(value & 0xffff_ffffn))
  putU32(bytes, offset + 4, Number((value >> 32n) & 0xffff_ffffn))
}
