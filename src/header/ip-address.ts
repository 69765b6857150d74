/**
 * IPv4 and IPv6 addresses as text and octets, pure. Reading is strict: what is not exactly an address is undefined, never a
 * guess. Octets are in network order.
 */

/** An IPv4 address of four decimal numbers without leading zeros, or an IPv6 address as in RFC 4291 sec. 2.2, no zone. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIPv6(text) : parseIPv4(text)
}

/** 4 octets as a dotted quad, 16 as RFC 5952 says (IPv4-mapped ones end in a dotted quad, sec. 5). */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) throw new RangeError(`an address has 4 or 16 octets, not ${bytes.length}`)
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] << 8) | bytes[i + 1]).toString(16))
  const mapped = groups.slice(0, 6).join() === '0,0,0,0,0,ffff'
  if (mapped) groups.splice(6, 2, bytes.subarray(12).join('.'))
  const { start, length } = longestZeros(groups)
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

/** An address and how many of its bits are the network's. */
export interface Prefix {
  /** The address as given, host part and all: 4 or 16 octets. */
  readonly bytes: Uint8Array
  readonly prefixLen: number
}

/** `address/prefix`; the prefix is required, in decimal without leading zeros, at most 32 or 128. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  if (slash === -1) return undefined
  const bytes = parseAddress(text.slice(0, slash))
  const prefixLen = decimal(text.slice(slash + 1), 128)
  if (bytes === undefined || prefixLen === undefined || prefixLen > bytes.length * 8) return undefined
  return { bytes, prefixLen }
}

/** A whole number in decimal without leading zeros, at most `max`. */
function decimal(text: string, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return undefined
  const value = Number(text)
  return value <= max ? value : undefined
}

function parseIPv4(text: string): Uint8Array | undefined {
  const octets = text.split('.').map(octet => decimal(octet, 255))
  if (octets.length !== 4) return undefined
  const bytes = new Uint8Array(4)
  for (const [i, octet] of octets.entries()) {
    if (octet === undefined) return undefined
    bytes[i] = octet
  }
  return bytes
}

function parseIPv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves
  const front = octetsOfGroups(head, tail === undefined)
  const back = tail === undefined ? [] : octetsOfGroups(tail, true)
  if (front === undefined || back === undefined) return undefined
  const given = front.length + back.length
  // '::' stands for at least one group
  if (tail === undefined ? given !== 16 : given > 14) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(front)
  bytes.set(back, 16 - back.length)
  return bytes
}

/** Groups of 16 bits with colons between; the last may be a dotted quad where the address ends. */
function octetsOfGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const octets: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16)
      octets.push(value >> 8, value & 0xff)
      continue
    }
    const quad = last && i === groups.length - 1 ? parseIPv4(group) : undefined
    if (quad === undefined) return undefined
    octets.push(...quad)
  }
  return octets
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === '0') length++
    if (length > longest.length) longest = { start, length }
  }
  return longest
}
