/**
 * The options of a DHCP message (RFC 2132 sec. 2), as a map from code to value. Several instances
 * of an option, also in different fields, are one value (RFC 2131 sec. 4.1, RFC 3396). A value of
 * more than 255 bytes is written as several instances. Options that do not fit the options field
 * overflow into the fields `file` and `sname` if these are free.
 */

export type DhcpOptions = ReadonlyMap<number, Uint8Array>

export const DHO_PAD = 0
export const DHO_OVERLOAD = 52
export const DHO_RELAY_AGENT = 82
export const DHO_END = 255

/** Lengths of the fields that options may overflow into. */
export const DHCP_FILE_LEN = 128
export const DHCP_SNAME_LEN = 64

const PART_MAX = 255

/** Adds the options in `field`, with or without DHO_END. Returns false if one does not fit it. */
export function readOptions(field: Uint8Array, into: Map<number, Uint8Array>): boolean {
  for (let at = 0; at < field.length; ) {
    const code = field[at++] as number
    if (code === DHO_PAD) continue
    if (code === DHO_END) return true
    if (at === field.length) return false
    const length = field[at++] as number
    if (at + length > field.length) return false
    into.set(code, joined(into.get(code), field.subarray(at, at + length)))
    at += length
  }
  return true
}

function joined(first: Uint8Array | undefined, second: Uint8Array): Uint8Array {
  if (first === undefined) return second.slice()
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** Options as bytes, by field, each with DHO_END; a field without options is undefined. */
export interface LaidOut {
  readonly options: Uint8Array
  readonly file: Uint8Array | undefined
  readonly sname: Uint8Array | undefined
  /** Codes of the options that fit in no field. */
  readonly left: readonly number[]
}

/**
 * Packs options, in order, into an options field of at most `room` bytes and the fields in
 * `overflow`. An option goes to the first field in which it fits whole; only one that has several
 * parts may be split between fields. The relay agent option is the last in the options field (RFC
 * 3046 sec. 2.2).
 */
export function layOut(options: DhcpOptions, room: number, overflow: { file: boolean; sname: boolean }): LaidOut {
  const overload = overflow.file || overflow.sname ? 3 : 0
  const relay = options.get(DHO_RELAY_AGENT)
  const tail = relay === undefined ? [] : parts(DHO_RELAY_AGENT, relay).flat()
  const keepsTail = tail.length + overload + 1 <= room
  const main = new Field(room - overload - 1 - (keepsTail ? tail.length : 0))
  const file = new Field(overflow.file ? DHCP_FILE_LEN - 1 : 0)
  const sname = new Field(overflow.sname ? DHCP_SNAME_LEN - 1 : 0)
  const left = keepsTail ? [] : [DHO_RELAY_AGENT]
  for (const [code, value] of options) {
    if (code === DHO_RELAY_AGENT || code === DHO_OVERLOAD) continue
    if (!place(parts(code, value), [main, file, sname])) left.push(code)
  }
  const used = (file.octets.length > 0 ? 1 : 0) + (sname.octets.length > 0 ? 2 : 0)
  return {
    options: Uint8Array.from([
      ...(used ? [DHO_OVERLOAD, 1, used] : []),
      ...main.octets,
      ...(keepsTail ? tail : []),
      DHO_END,
    ]),
    file: file.ended(),
    sname: sname.ended(),
    left,
  }
}

class Field {
  readonly octets: number[] = []
  readonly #room: number

  constructor(room: number) {
    this.#room = room
  }

  get free(): number {
    return this.#room - this.octets.length
  }

  ended(): Uint8Array | undefined {
    return this.octets.length === 0 ? undefined : Uint8Array.from([...this.octets, DHO_END])
  }
}

function parts(code: number, value: Uint8Array): number[][] {
  const written: number[][] = []
  for (let at = 0; at === 0 || at < value.length; at += PART_MAX) {
    const part = value.subarray(at, at + PART_MAX)
    written.push([code, part.length, ...part])
  }
  return written
}

function place(written: readonly number[][], fields: readonly Field[]): boolean {
  const whole = written.flat()
  const field = fields.find(({ free }) => whole.length <= free)
  if (field !== undefined) {
    field.octets.push(...whole)
    return true
  }
  return written.length > 1 && spread(written, fields)
}

/** Splits a long option among all fields, in the order in which a reader joins the parts. */
function spread(written: readonly number[][], fields: readonly Field[]): boolean {
  const code = (written[0] as number[])[0] as number
  const value = written.flatMap(part => part.slice(2))
  const pieces: [Field, number[]][] = []
  for (const field of fields) {
    for (let { free } = field; free > 2 && value.length > 0; ) {
      const piece = value.splice(0, Math.min(free - 2, PART_MAX))
      pieces.push([field, [code, piece.length, ...piece]])
      free -= piece.length + 2
    }
  }
  if (value.length > 0) return false
  for (const [field, piece] of pieces) field.octets.push(...piece)
  return true
}
