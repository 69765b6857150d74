/**
 * Checksums the slow way, as one big number: 2^16 is 1 modulo 0xffff, so the ones' complement sum
 * is the number that the bytes represent, modulo 0xffff. Shares nothing with
 * src/packet/checksum.ts.
 */

/** The ones' complement sum, 0 only if all bytes are 0. */
export function naiveSum(octets: ArrayLike<number>): number {
  const digits = Buffer.from(octets).toString('hex')
  const padded = BigInt(`0x${digits}${octets.length % 2 === 1 ? '00' : ''}0000`)
  return padded === 0n ? 0 : Number(((padded - 1n) % 0xffffn) + 1n)
}

/** The complement of the sum, as in a checksum field. */
export function naiveChecksum(octets: ArrayLike<number>): number {
  return 0xffff - naiveSum(octets)
}

/** Whether bytes that include their checksum have the right sum. */
export function addsUp(octets: ArrayLike<number>): boolean {
  return naiveSum(octets) === 0xffff
}

export function word(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff]
}

/** The pseudo-header of addresses of 4 or 16 bytes, a protocol and a transport length. */
export function pseudoHeader(
  source: number[],
  destination: number[],
  protocol: number,
  length: number,
): number[] {
  const addresses = [...source, ...destination]
  if (source.length === 4) return [...addresses, 0, protocol, ...word(length)]
  return [...addresses, ...word(length >>> 16), ...word(length), 0, 0, 0, protocol]
}
