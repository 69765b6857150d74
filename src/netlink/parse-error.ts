/**
 * NetlinkParseError is the only error that parsing throws, whatever the octets are. It says where and what, on one line.
 */
export class NetlinkParseError extends Error {
  /** What is wrong, without the place. */
  readonly reason: string
  /** Where in the `bytes` given to the parser, in octets: the header of the message or attribute that is wrong. */
  readonly offset: number
  /** Type of an attribute that is missing; `offset` is then where the set begins that lacks it. */
  readonly missing: number | undefined
  /** The policy's names from the outermost attribute inwards ('linkinfo.kind'); empty outside any attribute. */
  readonly attribute: string

  constructor(reason: string, offset: number, attribute = '', missing?: number) {
    super(`${attribute === '' ? '' : `${attribute}: `}${reason} (at offset ${offset})`)
    this.name = 'NetlinkParseError'
    this.reason = reason
    this.offset = offset
    this.attribute = attribute
    this.missing = missing
  }

  /** The same error, seen from the attribute around it. */
  within(attribute: string): NetlinkParseError {
    const path = this.attribute === '' ? attribute : `${attribute}.${this.attribute}`
    return new NetlinkParseError(this.reason, this.offset, path, this.missing)
  }
}

/** Refuses a range that does not lie inside `bytes`: the one check that makes every later read one of our own octets. */
export function checkRange(bytes: Uint8Array, offset: number, length: number): void {
  const inside =
    Number.isInteger(offset) &&
    Number.isInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= bytes.length
  if (!inside) throw new NetlinkParseError(`${length} octets are not within a buffer of ${bytes.length}`, offset)
}
