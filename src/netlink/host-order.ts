/**
 * Numbers in the machine's own byte order, at any alignment: netlink is spoken inside one machine and is not in network
 * order. Readers do not check bounds; who calls them has (`attributes`, `messages`, a policy's exact lengths).
 */

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

export function getU16(bytes: Uint8Array, offset: number): number {
  return LITTLE_ENDIAN ? bytes[offset] | (bytes[offset + 1] << 8) : (bytes[offset] << 8) | bytes[offset + 1]
}

export function getS32(bytes: Uint8Array, offset: number): number {
  return LITTLE_ENDIAN
    ? getU16(bytes, offset) | (getU16(bytes, offset + 2) << 16)
    : (getU16(bytes, offset) << 16) | getU16(bytes, offset + 2)
}

export function getU32(bytes: Uint8Array, offset: number): number {
  return getS32(bytes, offset) >>> 0
}

export function getU64(bytes: Uint8Array, offset: number): bigint {
  const first = BigInt(getU32(bytes, offset))
  const second = BigInt(getU32(bytes, offset + 4))
  return LITTLE_ENDIAN ? (second << 32n) | first : (first << 32n) | second
}

/** A u64 as a number: exact up to 2^53, rounded above. For counters, which do not get there. */
export function getCounter64(bytes: Uint8Array, offset: number): number {
  const first = getU32(bytes, offset)
  const second = getU32(bytes, offset + 4)
  return LITTLE_ENDIAN ? second * 0x1_0000_0000 + first : first * 0x1_0000_0000 + second
}

export function putU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[LITTLE_ENDIAN ? offset : offset + 1] = value
  bytes[LITTLE_ENDIAN ? offset + 1 : offset] = value >>> 8
}

/** Writes the low 32 bits, so it serves u32 and s32. */
export function putU32(bytes: Uint8Array, offset: number, value: number): void {
  putU16(bytes, LITTLE_ENDIAN ? offset : offset + 2, value)
  putU16(bytes, LITTLE_ENDIAN ? offset + 2 : offset, value >>> 16)
}

export function putU64(bytes: Uint8Array, offset: number, value: bigint): void {
  putU32(bytes, LITTLE_ENDIAN ? offset : offset + 4, Number(value & 0xffff_ffffn))
  putU32(bytes, LITTLE_ENDIAN ? offset + 4 : offset, Number((value >> 32n) & 0xffff_ffffn))
}
