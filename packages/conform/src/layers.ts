/**
 * The packets of the verbs `send`, `recv` and `none`: layers with slashes between them, each with
 * fields to set or to compare (packages/conform/docs/conform-cases.md).
 *
 *     send ip, ttl 1 / icmp echo, id 7, seq 1 / data 56
 */

import { checksum, ipv4, ipv6 } from 'vnet'
import { concat, formatHex, get16, put16, sameBytes } from 'vnet/kit/packet'
import { type Fields, LAYER_KINDS, type LayerKind } from './layer-kinds.ts'
import { addressNamed, type Stations } from './stations.ts'

/**
 * A layer of a packet, as parsed. Fields that it does not name have their usual values when a
 * packet is built, and are not compared when one is received.
 */
export interface Layer {
  readonly name: string
  readonly fields: Readonly<Record<string, number | string>>
  /** Bytes of `options`, `hex`, and of extension headers. */
  readonly hex: Uint8Array | undefined
  /** The fragment of the payload to send, in bytes; undefined for the whole payload. */
  readonly piece: readonly [from: number, to: number] | undefined
  /** Whether the fragment says that more follow. */
  readonly hasMore: boolean
  /** Whether a received layer must be followed by the start of the latest packet of `send`. */
  readonly quotes: boolean
  /** Position and number of the bytes of `data`, the latter also of `pad`. */
  readonly data: readonly [from: number, length: number] | undefined
}

/** What a packet takes from its case. */
export interface Context {
  readonly stations: Stations
  readonly port: number
  /** The latest IP packet of `send`. */
  sent: Uint8Array
}

/** Returns the bytes from `from` to `to` of a stream: each differs from its neighbours. */
export function pattern([from, to]: readonly [from: number, to: number]): Uint8Array {
  return new Uint8Array(to - from).map((_, i) => (from + i) * 7 + ((from + i) >>> 8))
}

/**
 * Parses the layers of a line. Throws an Error that quotes a layer or field that does not exist.
 */
export function parseLayers(text: string): readonly Layer[] {
  return text.split('/').map(part => parseLayer(part.trim()))
}

/** A layer while its fields are read. */
type ReadLayer = { -readonly [Key in keyof Layer]: Layer[Key] } & {
  readonly fields: Record<string, number | string>
}

const hexOf = (digits = ''): Uint8Array =>
  Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16))

function parseLayer(text: string): Layer {
  const [, name = '', rest = ''] = /^(\S+?),?(?:\s+(.*))?$/.exec(text) ?? []
  const layer: ReadLayer = {
    name,
    fields: {},
    hex: undefined,
    piece: undefined,
    hasMore: false,
    quotes: false,
    data: undefined,
  }
  const words = rest.split(/\s+/)
  if (name === 'data' || name === 'pad') {
    return { ...layer, data: [Number(words[2] ?? 1), Number(words[0])] }
  }
  if (['hex', 'hop', 'dest', 'route'].includes(name)) return { ...layer, hex: hexOf(words[0]) }
  const kind = LAYER_KINDS.get(name)
  if (kind === undefined) throw new Error(`${text}: no layer is called '${name}'`)
  for (const item of rest.split(',').filter(part => part.trim() !== '')) {
    const [key = '', value = ''] = item.trim().split(/\s+/)
    if (!takeField(layer, kind, key, value)) throw new Error(`${text}: no field is called '${key}'`)
  }
  return layer
}

/** Sets what `key value` says of a layer. Returns false if the layer has no such field. */
function takeField(layer: ReadLayer, kind: LayerKind, key: string, value: string): boolean {
  const named = Object.hasOwn(kind.names ?? {}, key) ? kind.names?.[key] : undefined
  if (named !== undefined) {
    Object.assign(layer.fields, named)
  } else if (key === 'piece') {
    const [from, to] = value.split('..')
    layer.piece = [Number(from), Number(to)]
  } else if (key === 'more') {
    layer.hasMore = true
  } else if (key === 'quote') {
    layer.quotes = true
  } else if (key === 'options') {
    layer.hex = hexOf(value)
  } else if (Object.hasOwn(kind.fields, key)) {
    layer.fields[key] = /^(\d+|0x[\da-f]+)$/i.test(value) ? Number(value) : value
  } else {
    return false
  }
  return true
}

/** Returns the EtherType or protocol number of a layer; undefined for an option or for data. */
function numberOf(layer: Layer | undefined): number | undefined {
  return LAYER_KINDS.get(layer?.name ?? '')?.number
}

function fieldBytes(stations: Stations, value: number | string, size: number): Uint8Array {
  if (typeof value === 'string') return addressNamed(stations, value, size)
  return Uint8Array.from({ length: size }, (_, i) => value / 2 ** (8 * (size - 1 - i)))
}

/** Returns the frame of layers; `raw` follows the last one, or is that, if it is `tcp`. */
export function build(
  context: Context,
  layers: readonly Layer[],
  raw: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const [first, ...rest] = layers
  if (first?.name !== 'ether') return build(context, [parseLayer('ether'), ...layers], raw)
  const pad = rest.at(-1)?.name === 'pad' ? (rest.pop() as Layer).data?.[1] : 0
  const packet = upper(context, rest, 0, raw, undefined)
  if (rest[0]?.name.startsWith('ip')) {
    context.sent = packet
  }
  const header = headerOf(context, first, numberOf(rest[0]) ?? 0)
  return concat([header, packet, new Uint8Array(pad as number).fill(0xa5)])
}

/** Returns a header with its given and usual fields. `next` is the number of the layer above. */
function headerOf(
  { stations, port }: Context,
  { name, fields, hex, piece, hasMore }: Layer,
  next: number,
): Uint8Array {
  const kind = LAYER_KINDS.get(name) as LayerKind
  const bytes = new Uint8Array(kind.length + (hex?.length ?? 0))
  bytes.set(hex ?? [], kind.length)
  const computed: Readonly<Record<string, Fields>> = {
    ether: { type: next },
    vlan: { type: next },
    ip: {
      start: 0x40 + bytes.length / 4,
      proto: next,
      offset: ((piece?.[0] ?? 0) >>> 3) + (hasMore ? 0x2000 : 0),
    },
    ip6: { next },
    frag: { next, offset: (piece?.[0] ?? 0) + (hasMore ? 1 : 0) },
    udp: { from: port, to: 7 },
    tcp: { from: port, to: 7, offset: bytes.length * 4 },
  }
  const own = computed[name] ?? { next, size: bytes.length / 8 - 1 }
  const all: Layer['fields'] = { ...own, ...kind.usual, ...fields }
  for (const [key, value] of Object.entries(all)) {
    const place = kind.fields[key]
    if (place !== undefined && value !== 'bad') {
      bytes.set(fieldBytes(stations, value, place[1]), place[0])
    }
  }
  return bytes
}

/** Returns layer `i` and all after it. `ip` is the header of IP below them. */
function upper(
  context: Context,
  layers: readonly Layer[],
  i: number,
  raw: Uint8Array,
  ip: Uint8Array | undefined,
): Uint8Array {
  const layer = layers[i]
  if (layer === undefined) return raw
  const { name, fields, data, hex, piece } = layer
  if (data !== undefined) {
    return concat([pattern([data[0], data[0] + data[1]]), upper(context, layers, i + 1, raw, ip)])
  }
  if (name === 'hex') return concat([hex as Uint8Array, upper(context, layers, i + 1, raw, ip)])
  const kind = LAYER_KINDS.get(name) as LayerKind
  const isWhole = name === 'tcp' && raw.length > 0
  const header = isWhole
    ? raw.slice()
    : headerOf(context, layer, numberOf(layers[i + 1]) ?? ipv6.NEXTHDR_NONE)
  const isIp = name === 'ip' || name === 'ip6'
  const whole = isWhole ? new Uint8Array(0) : upper(context, layers, i + 1, raw, isIp ? header : ip)
  const bytes = concat([header, piece === undefined ? whole : whole.subarray(...piece)])
  const put = (key: string, value: number) => {
    const [at] = kind.fields[key] ?? [0]
    if (fields[key] === undefined || fields[key] === 'bad') {
      put16(bytes, at, fields[key] === 'bad' ? value ^ 0x1111 : value)
    }
  }
  if (isIp) {
    put('len', name === 'ip' ? bytes.length : bytes.length - header.length)
  }
  if (name === 'udp') {
    put('len', bytes.length)
  }
  if (name === 'ip') {
    put('sum', checksum.finish(checksum.onesComplementSum(bytes, 0, header.length)))
  }
  if (kind.check !== undefined && ip !== undefined) {
    const sum = checksum.finish(
      checksum.onesComplementSum(
        bytes,
        0,
        bytes.length,
        pseudoSum(ip, numberOf(layer) ?? 0, bytes.length),
      ),
    )
    put('sum', sum === 0 ? 0xffff : sum)
  }
  return bytes
}

function pseudoSum(ip: Uint8Array, protocol: number, length: number): number {
  if ((ip[0] as number) >>> 4 === 6 || ip.length === 40) {
    return checksum.pseudoHeaderSum6(ip, 0, protocol, length)
  }
  return protocol === ipv4.IPPROTO_ICMP ? 0 : checksum.pseudoHeaderSum4(ip, 0, protocol, length)
}

/**
 * Returns how a frame differs from layers, empty if it does not; undefined if it has other layers.
 */
export function differences(
  context: Context,
  frame: Uint8Array,
  layers: readonly Layer[],
): string[] | undefined {
  const wrong: string[] = []
  const all = layers[0]?.name === 'ether' ? layers : [parseLayer('ether'), ...layers]
  let at = 0
  let end = frame.length
  for (const [i, layer] of all.entries()) {
    const { name, hex, data, quotes } = layer
    if (name === 'data' || name === 'hex') {
      const expected = data === undefined ? hex : pattern([data[0], data[0] + data[1]])
      const rest = frame.subarray(at, end)
      if (!sameBytes(rest, expected as Uint8Array)) {
        wrong.push(`the ${rest.length} bytes of data differ`)
      }
      continue
    }
    wrong.push(...wrongFields(context, frame, at, layer))
    if (name === 'ip') {
      end = at + get16(frame, at + 2)
    }
    if (name === 'ip6') {
      end = at + 40 + get16(frame, at + 4)
    }
    const number = numberIn(frame, at, name)
    at +=
      name === 'ip' ? ((frame[at] as number) & 15) * 4 : (LAYER_KINDS.get(name) as LayerKind).length
    const above = numberOf(all[i + 1])
    if (above !== undefined && above !== number) return undefined
    if (quotes && !startsWith(context.sent, frame.subarray(at, end))) {
      wrong.push('it quotes another packet')
    }
  }
  return wrong
}

/** Returns how the fields of the header at `at` differ from a layer's. */
function wrongFields(
  { stations }: Context,
  frame: Uint8Array,
  at: number,
  { name, fields }: Layer,
): string[] {
  const kind = LAYER_KINDS.get(name) as LayerKind
  return Object.entries(fields).flatMap(([key, value]) => {
    const [offset, size] = kind.fields[key] as readonly [number, number]
    const actual = frame.subarray(at + offset, at + offset + size)
    if (sameBytes(actual, fieldBytes(stations, value, size))) return []
    return [`${key} of ${name} is 0x${formatHex(actual).replaceAll(':', '')}, not ${value}`]
  })
}

/** Returns the EtherType or protocol number that the header at `at` has for the next one. */
function numberIn(frame: Uint8Array, at: number, name: string): number | undefined {
  if (name === 'ether') return get16(frame, at + 12)
  if (name === 'ip') return frame[at + 9]
  return frame[name === 'ip6' ? at + 6 : at]
}

/** Whether a quote is the start of a packet, with at least 8 bytes after the header of IPv4. */
function startsWith(packet: Uint8Array, quote: Uint8Array): boolean {
  const least = Math.min(packet.length, ipv4.IPV4_HLEN + 8)
  const length = Math.min(packet.length, quote.length)
  return quote.length >= least && sameBytes(quote.subarray(0, length), packet.subarray(0, length))
}
