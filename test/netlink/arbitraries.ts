/** Arbitraries of netlink: valid sets of attributes, and any bytes. */
import fc from 'fast-check'
import {
  decodeAttributes,
  type Fields,
  MessageBuilder,
  NetlinkParseError,
  type Policy,
} from '#src/netlink/index.ts'

/** Writes a message, and returns the bytes after its header. */
export function payloadOf(write: (builder: MessageBuilder) => void): Uint8Array {
  const builder = new MessageBuilder(16).message(16, 0, 0)
  write(builder)
  return builder.bytes.slice(16)
}

/** Puts bytes into the middle of a buffer filled with `around`. */
export function surrounded(
  octets: Uint8Array,
  around: number,
): { bytes: Uint8Array; offset: number } {
  const bytes = new Uint8Array(octets.length + 64).fill(around)
  bytes.set(octets, 32)
  return { bytes, offset: 32 }
}

/** Returns the result or the NetlinkParseError of a parser; any other error is thrown. */
export function outcome(parse: () => unknown): { value: unknown } | { reason: string } {
  try {
    return { value: structuredClone(parse()) }
  } catch (error) {
    if (error instanceof NetlinkParseError) return { reason: error.message }
    throw error
  }
}

/** Decodes twice, with different bytes around the range, which must not be read. */
export function decodesAlike<F extends Fields>(
  policy: Policy<F>,
  octets: Uint8Array,
): [unknown, unknown] {
  const [one, other] = [0x00, 0xff].map(around => {
    const { bytes, offset } = surrounded(octets, around)
    return outcome(() => copied(decodeAttributes(policy, bytes, offset, octets.length)))
  })
  return [one, other]
}

/** Replaces views by copies, so that the bytes around them are not compared. */
export function copied(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copied(inner)]))
}

/** `octets` with a few changed, or truncated, or extended. */
export function mutated(octets: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(Math.max(0, octets.length - 1)), fc.integer({ min: 0, max: 255 }))
  return fc
    .tuple(
      fc.array(change, { maxLength: 4 }),
      fc.nat(octets.length),
      fc.uint8Array({ maxLength: 8 }),
      fc.boolean(),
    )
    .map(([changes, cut, tail, shorten]) => {
      const copy = shorten ? octets.slice(0, cut) : new Uint8Array([...octets, ...tail])
      for (const [at, value] of changes) {
        if (at < copy.length) {
          copy[at] = value
        }
      }
      return copy
    })
}
