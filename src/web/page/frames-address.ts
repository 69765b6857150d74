/** IP addresses and prefixes, as numbers that can be compared. */

/** The addresses that begin with the same `length` bits as `value`, which has `bits`. */
export interface Prefix {
  readonly bits: 32 | 128
  readonly value: bigint
  readonly length: number
}

/** Returns an address, or a prefix with `/LENGTH`; undefined for other text. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address, suffix, ...rest] = text.split('/')
  const value = ipv4(address) ?? ipv6(address)
  if (value === undefined || rest.length > 0) return undefined
  const bits = address.includes(':') ? 128 : 32
  if (suffix === undefined) return { bits, value, length: bits }
  if (!/^\d{1,3}$/.test(suffix) || Number(suffix) > bits) return undefined
  return { bits, value, length: Number(suffix) }
}

/** Whether an address is one of a prefix. */
export function contains({ bits, value, length }: Prefix, address: Prefix): boolean {
  const shift = BigInt(bits - length)
  return address.bits === bits && address.value >> shift === value >> shift
}

function ipv4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

function ipv6(text: string): bigint | undefined {
  const halves = withoutDots(text).split('::')
  if (!text.includes(':') || halves.length > 2) return undefined
  const [head, tail] = halves.map(half => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const words = [...head, ...Array.from({ length: missing }, () => '0'), ...(tail ?? [])]
  if (!words.every(word => /^[\da-f]{1,4}$/i.test(word))) return undefined
  return words.reduce((value, word) => (value << 16n) | BigInt(`0x${word}`), 0n)
}

/** Writes the IPv4 address that it may end with as the last two words. */
function withoutDots(text: string): string {
  const start = text.lastIndexOf(':') + 1
  const value = ipv4(text.slice(start))
  return value === undefined
    ? text
    : `${text.slice(0, start)}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`
}
