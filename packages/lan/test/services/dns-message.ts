/**
 * Makes and reads DNS messages the slow, strict way: every name is followed, every byte accounted
 * for.
 */
import { formatAddress } from '#src/packet/address.ts'

export const rcodes: Record<number, string> = {
  0: 'NOERROR',
  1: 'FORMERR',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  16: 'BADVERS',
}

export interface QueryOptions {
  flags?: number
  class?: number
  /** UDP size of an OPT record. */
  edns?: number
  ednsVersion?: number
  ednsFlags?: number
  opts?: number
}

const word = (value: number) => [(value >>> 8) & 0xff, value & 0xff]

export function query(name: string, type: number, options: QueryOptions = {}): Uint8Array {
  const {
    flags = 0x0100,
    class: qclass = 1,
    edns,
    ednsVersion = 0,
    ednsFlags = 0,
    opts = 1,
  } = options
  const labels = name.split('.').flatMap(label => [label.length, ...Buffer.from(label, 'latin1')])
  const opt =
    edns === undefined
      ? []
      : [0, ...word(41), ...word(edns), 0, ednsVersion, ...word(ednsFlags), 0, 0]
  const count = edns === undefined ? 0 : opts
  const header = [0x0102, flags, 1, 0, 0, count].flatMap(word)
  return Uint8Array.from([
    ...header,
    ...labels,
    0,
    ...word(type),
    ...word(qclass),
    ...Array(count).fill(opt).flat(),
  ])
}

export interface NaiveRecord {
  name: string
  type: number
  ttl: number
  data: string
}
export interface NaiveReply {
  id: number
  flags: number
  rcode: number
  question: string | undefined
  answers: NaiveRecord[]
  authority: NaiveRecord[]
  edns: { size: number; ttl: number } | undefined
}

/** Reads a reply; throws on anything that is not as RFC 1035 has it. */
export function naiveReply(bytes: Uint8Array): NaiveReply {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  const u8 = () => view.getUint8(at++)
  const u16 = () => (u8() << 8) | u8()
  const take = (n: number) => Uint8Array.from({ length: n }, u8)
  const u32 = () => u16() * 0x10000 + u16()
  const name = (): string => {
    const labels: string[] = []
    let back: number | undefined
    for (let length = u8(); length !== 0; length = u8()) {
      if (length >= 0xc0) {
        const to = ((length & 0x3f) << 8) | u8()
        back ??= at
        if (to >= at - 2) throw new Error('a pointer that does not go back')
        at = to
        continue
      }
      if (length > 63) throw new Error('a label too long')
      labels.push(String.fromCharCode(...Array.from({ length }, u8)))
    }
    at = back ?? at
    return labels.join('.') || '.'
  }
  const data = (type: number, length: number): string => {
    const end = at + length
    const text = (() => {
      if (type === 1 && length === 4) return formatAddress(take(4))
      if (type === 28 && length === 16) return formatAddress(take(16))
      if (type === 2 || type === 12) return name()
      if (type === 6) return [name(), name(), u32(), u32(), u32(), u32(), u32()].join(' ')
      if (type === 41 && length === 0) return ''
      throw new Error(`data of ${length} octets for type ${type}`)
    })()
    if (at !== end) throw new Error(`data of type ${type} is not ${length} octets long`)
    return text
  }
  const id = u16()
  const flags = u16()
  const [questions, ...counts] = [u16(), u16(), u16(), u16()]
  if ((flags & 0x8000) === 0 || questions > 1) throw new Error('no reply')
  const question = questions === 1 ? name() : undefined
  if (questions === 1) {
    u32()
  }
  const records = counts.map(count =>
    Array.from({ length: count }, () => {
      const record = { name: name(), type: u16(), class: u16(), ttl: u32() }
      return { ...record, data: data(record.type, u16()) }
    }),
  )
  if (at !== bytes.length) throw new Error('octets behind the end')
  const [answers, authority, additional] = records
  const [opt] = additional
  const edns = opt && { size: opt.class, ttl: opt.ttl & 0xffffff }
  const plain = (list: typeof answers) => list.map(({ class: _, ...record }) => record)
  const rcode = (flags & 0xf) | (((opt?.ttl ?? 0) >>> 24) << 4)
  return {
    id,
    flags: flags & ~0xf,
    rcode,
    question,
    answers: plain(answers),
    authority: plain(authority),
    edns,
  }
}
