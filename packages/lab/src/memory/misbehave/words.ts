/**
 * The words of host.misbehave: each says to which segments it applies, and what leaves in their
 * place. Words are applied in the order of WORDS, whatever their order in a text.
 */

import { tcp } from 'vnet'
import { put16, put32 } from 'vnet/kit/packet'
import { type Cursor, parseSize } from 'vnet/kit/wire'
import { icmpKind, sendError } from './icmp-kinds.ts'
import { type Connection, type Rewriter, windowField } from './rewriter.ts'
import { changed, has, like, nextOf, part, type Segment } from './segment.ts'

/** The effect of a word, with its parameters. */
export interface Action {
  applies(segment: Segment, connection: Connection): boolean
  /** Takes over a segment, the `n`th of its connection to which the word applies. */
  act(segment: Segment, connection: Connection, n: number, rewriter: Rewriter): readonly Segment[]
  /** Whether the host announces its window when the time of the word is over. */
  readonly isWindow?: boolean
}

/** The data after a FIN. */
const LATE = new TextEncoder().encode('data after fin')
/** Differs from the right checksum, also in ones' complement arithmetic. */
const WRONG = 0x5555

const isPureAck = (s: Segment): boolean =>
  s.data.length === 0 && !has(s, tcp.TCP_SYN | tcp.TCP_FIN | tcp.TCP_RST)
const isSyn = (s: Segment): boolean => has(s, tcp.TCP_SYN)
const always = (): boolean => true

/** Each phrase with the function that reads what follows it. */
export const WORDS: ReadonlyMap<string, (c: Cursor) => Action> = new Map([
  ['mss', mss],
  ['window', window],
  ['window shrink', windowShrink],
  ['no fin-ack', noFinAck],
  ['data after fin', dataAfterFin],
  ['reset', () => reset(0)],
  ['reset after', c => reset(c.value('reset after needs bytes: reset after 1000', parseSize))],
  ['segments', segments],
  ['overlap', overlap],
  ['urgent', urgent],
  ['repeat', repeat],
  ['icmp', icmp],
  ['ack delay', ackDelay],
  ['ack drop', ackDrop],
  ['checksum wrong', checksumWrong],
])

function mss(c: Cursor): Action {
  const size = c.whole('mss needs bytes: mss 8', 'a maximum segment size', 0, 0xffff)
  // The option is the first one of the hosts.
  const applies = (s: Segment) => isSyn(s) && s.frame[s.h + tcp.TCP_HLEN] === tcp.OPT_MSS
  return { applies, act: s => [changed(s, (frame, h) => put16(frame, h + tcp.TCP_HLEN + 2, size))] }
}

const resized = (s: Segment, field: number) => [
  changed(s, (frame, h) => put16(frame, h + 14, field)),
]

function window(c: Cursor): Action {
  const bytes = c.value('window needs a size or shrink: window 0', parseSize)
  return {
    applies: always,
    act: s => resized(s, Math.min(s.window, windowField(bytes, s))),
    isWindow: true,
  }
}

function windowShrink(): Action {
  return {
    applies: s => !isSyn(s),
    act: (s, _, n) => (n % 2 === 0 ? resized(s, s.window >> 1) : [s]),
  }
}

function noFinAck(): Action {
  const isAck = (s: Segment, finAck: number) =>
    has(s, tcp.TCP_RST) || ((s.acknowledgment - finAck) | 0) >= 0
  return {
    applies: (s, { finAck }) => finAck !== undefined && isAck(s, finAck),
    act: (s, { finAck = 0 }) =>
      has(s, tcp.TCP_RST) ? [] : [changed(s, (frame, h) => put32(frame, h + 8, finAck - 1))],
  }
}

function dataAfterFin(): Action {
  return {
    applies: s => has(s, tcp.TCP_FIN),
    act: s => [s, like(s, nextOf(s), tcp.TCP_PSH | tcp.TCP_ACK, LATE)],
  }
}

function reset(after: number): Action {
  const left = (s: Segment, { start }: Connection) => after - ((s.sequence - start) >>> 0)
  const act = (s: Segment, connection: Connection) => {
    const cut = left(s, connection)
    const rst = like(s, s.sequence + cut, tcp.TCP_RST | tcp.TCP_ACK)
    return [...(cut > 0 ? [part(s, 0, cut)] : []), rst, part(s, cut, s.data.length)]
  }
  return {
    applies: (s, connection) => left(s, connection) >= 0 && left(s, connection) < s.data.length,
    act,
  }
}

function segments(c: Cursor): Action {
  const size = c.whole('segments needs the bytes of each: segments 1', 'a length')
  const count = (s: Segment) => Math.ceil(s.data.length / size)
  const at = (s: Segment, i: number) => part(s, i * size, Math.min((i + 1) * size, s.data.length))
  return {
    applies: s => s.data.length > size,
    act: s => Array.from({ length: count(s) }, (_, i) => at(s, i)),
  }
}

function overlap(): Action {
  const act = (s: Segment) => [
    part(s, 0, Math.ceil((2 * s.data.length) / 3)),
    part(s, Math.floor(s.data.length / 3), s.data.length),
  ]
  return { applies: s => s.data.length > 1, act }
}

function urgent(): Action {
  const mark = (s: Segment) => (frame: Uint8Array, h: number) => {
    tcp.setFlags(frame, h, s.flags | tcp.TCP_URG)
    put16(frame, h + 18, s.data.length)
  }
  return { applies: s => s.data.length > 0, act: s => [changed(s, mark(s))] }
}

function repeat(c: Cursor): Action {
  const more = c.optionalWhole(1, 'a number of repetitions', 1, 1000)
  const applies = (s: Segment) => s.data.length > 0 || has(s, tcp.TCP_SYN | tcp.TCP_FIN)
  return { applies, act: s => Array.from({ length: 1 + more }, () => part(s, 0, s.data.length)) }
}

function icmp(c: Cursor): Action {
  const isTooBig = c.is('too-big')
  const kind = c.value('icmp needs a kind, or a type and a code: icmp 3/1', icmpKind)
  const mtu = isTooBig ? c.optionalWhole(1280, 'an MTU', 68, 0xffff) : 0
  const act: Action['act'] = (s, _connection, _n, { ip }) => {
    sendError(ip, s, kind, mtu)
    return [s]
  }
  return { applies: s => has(s, tcp.TCP_ACK), act }
}

function ackDelay(c: Cursor): Action {
  const time = c.duration('ack delay needs a time: ack delay 2s')
  const act: Action['act'] = (s, _connection, _n, rewriter) => {
    rewriter.after(time, () => s)
    return []
  }
  return { applies: isPureAck, act }
}

function ackDrop(c: Cursor): Action {
  const count = c.optionalWhole(Number.POSITIVE_INFINITY, 'a number of ACKs')
  return { applies: isPureAck, act: (s, _, n) => (n <= count ? [] : [s]) }
}

function checksumWrong(): Action {
  const act = (s: Segment) => {
    tcp.setChecksum(s.frame, s.h, tcp.checksum(s.frame, s.h) ^ WRONG)
    return [s]
  }
  return { applies: always, act }
}
