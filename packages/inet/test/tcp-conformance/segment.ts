/** TCP segments as the conformance cases see them: absolute sequence numbers, options by name. */
import { get16, get32, put16, put32 } from 'vnet/internal/packet/octets'
import * as tcp from 'vnet/internal/packet/tcp'

/** Option kinds: RFC 9293 section 3.2, RFC 7323, RFC 2018. */
const [END, NOP, MSS, SCALE, SACK_PERMITTED, SACK, TIMESTAMPS] = [0, 1, 2, 3, 4, 5, 8]

export interface Options {
  mss?: number
  scale?: number
  sackPermitted?: boolean
  sack?: readonly (readonly [left: number, right: number])[]
  /** TSval and TSecr. */
  timestamps?: readonly [value: number, echo: number]
}

export interface Segment {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  readonly acknowledgment: number
  /** TCP_* bits. */
  readonly flags: number
  /** As in the header, without scaling. */
  readonly window: number
  readonly urgent: number
  readonly options: Options
  readonly data: Uint8Array
}

/** Returns the header and payload. The checksum is 0. */
export function encode(segment: Segment): Uint8Array {
  const options = encodeOptions(segment.options)
  const header = tcp.TCP_HLEN + options.length
  const bytes = new Uint8Array(header + segment.data.length)
  tcp.create(bytes, 0, segment.sequence, segment.acknowledgment, segment.flags)
  tcp.setSourcePort(bytes, 0, segment.sourcePort)
  tcp.setDestinationPort(bytes, 0, segment.destinationPort)
  bytes[12] = (header >>> 2) << 4
  put16(bytes, 14, segment.window)
  put16(bytes, 18, segment.urgent)
  bytes.set(options, tcp.TCP_HLEN)
  bytes.set(segment.data, header)
  return bytes
}

function encodeOptions({ mss, scale, sackPermitted, sack, timestamps }: Options): Uint8Array {
  const bytes = new Uint8Array(40)
  let at = 0
  const add = (kind: number, length: number): number => {
    bytes[at] = kind
    bytes[at + 1] = length
    at += length
    return at - length + 2
  }
  if (mss !== undefined) put16(bytes, add(MSS, 4), mss)
  if (sackPermitted) add(SACK_PERMITTED, 2)
  if (timestamps !== undefined) {
    const start = add(TIMESTAMPS, 10)
    put32(bytes, start, timestamps[0])
    put32(bytes, start + 4, timestamps[1])
  }
  if (scale !== undefined) bytes[add(SCALE, 3)] = scale
  if (sack !== undefined) {
    const start = add(SACK, 2 + 8 * sack.length)
    for (const [i, [left, right]] of sack.entries()) {
      put32(bytes, start + 8 * i, left)
      put32(bytes, start + 8 * i + 4, right)
    }
  }
  while (at % 4 !== 0) bytes[at++] = NOP
  return bytes.subarray(0, at)
}

/** Reads a segment. Throws if its lengths do not fit. */
export function decode(bytes: Uint8Array): Segment {
  const header = tcp.parse(bytes, 0, bytes.length)
  if (header < 0) throw new Error(`a TCP header of ${bytes.length} bytes`)
  return {
    sourcePort: tcp.sourcePort(bytes, 0),
    destinationPort: tcp.destinationPort(bytes, 0),
    sequence: tcp.sequenceNumber(bytes, 0),
    acknowledgment: tcp.acknowledgmentNumber(bytes, 0),
    flags: tcp.flags(bytes, 0),
    window: tcp.window(bytes, 0),
    urgent: tcp.urgentPointer(bytes, 0),
    options: decodeOptions(bytes.subarray(tcp.TCP_HLEN, header)),
    data: bytes.slice(header),
  }
}

function decodeOptions(bytes: Uint8Array): Options {
  const options: Options = {}
  for (let at = 0; at < bytes.length && bytes[at] !== END; ) {
    if (bytes[at] === NOP) {
      at++
      continue
    }
    const length = bytes[at + 1] ?? 0
    if (length < 2 || at + length > bytes.length) throw new Error(`option ${bytes[at]} of length ${length}`)
    const value = at + 2
    switch (bytes[at]) {
      case MSS:
        options.mss = get16(bytes, value)
        break
      case SCALE:
        options.scale = bytes[value] ?? 0
        break
      case SACK_PERMITTED:
        options.sackPermitted = true
        break
      case SACK:
        options.sack = Array.from({ length: (length - 2) / 8 }, (_, i) => [
          get32(bytes, value + 8 * i),
          get32(bytes, value + 8 * i + 4),
        ])
        break
      case TIMESTAMPS:
        options.timestamps = [get32(bytes, value), get32(bytes, value + 4)]
    }
    at += length
  }
  return options
}
