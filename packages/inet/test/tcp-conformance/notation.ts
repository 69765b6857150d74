/**
 * The notation of the conformance cases. A case is a list of lines:
 *
 *     [+TIME] VERB ARGUMENTS        # comment
 *
 * TIME is in milliseconds since the previous line that did something to the connection. With it,
 * `in` and calls happen that much later, and `out`, `error` and `connected` happen within
 * `+EARLIEST..LATEST`. Without it, everything happens immediately.
 *
 *     in SEGMENT                    the host receives a segment of the peer
 *     out SEGMENT                   the host sends a segment
 *     finally SEGMENT               the host sends this after any number of earlier acknowledgments
 *     quiet N                       the host sends nothing for N ms
 *     icmp KIND [MTU] [seq N]       the host receives an ICMP error about its latest segment, or
 *                                   about one like it with sequence number N
 *     connect [own]                 connects to the peer, or to a port of the host itself
 *     listen [N]                    listens, with a backlog of N
 *     accept [nothing]              accepts a connection, or checks that none waits
 *     connected                     the connect has succeeded
 *     error ERRNO                   the connection has failed
 *     write N [= RESULT]            writes N bytes; RESULT is a number or an errno
 *     fill                          writes until the send buffer is full
 *     drain                         the peer acknowledges bytes until the host sends no more
 *     writable                      the socket takes bytes again
 *     read N | end | nothing | ERRNO
 *     skip N                        the stream continues after the next N bytes
 *     shutdown, close, reset, unlisten
 *     nodelay on|off, keepalive IDLE INTERVAL PROBES (ms)
 *     state NAME                    the state as ss(8) writes it
 *     open [+N] ITEMS               connects to the peer: its SYN-ACK has these items, by default
 *                                   mss 1460, and comes after N ms
 *     opened [+N] ITEMS             accepts the peer: its SYN has these items, by default mss 1460,
 *                                   and its ACK comes after N ms
 *
 * SEGMENT is a list of items with commas between them. Sequence numbers are relative to the SYN of
 * their sender, so the first byte has 1. `out` checks all flags but PSH.
 *
 *     syn N, fin N, rst N           a flag, with the sequence number
 *     data A..B [N]                 the bytes from A to B, without B, in segments of at most N
 *                                   bytes. `fin` may follow if they are one segment
 *     seq N                         the sequence number; default: the next one of the sender
 *     ack N                         the ACK flag. Without this item the flag is not set
 *     push, urgent N                flags, the latter with the urgent pointer
 *     win N                         the window as in the header. `out` also takes >N, <N; default
 *                                   of `in`: 65535
 *     mss N, sack-ok, scale N       options. If `out syn` has any of them, others are not present
 *     ts N                          timestamps: TSval of the peer, which the host echoes in TSecr.
 *                                   In a SYN of the host just `ts`, likewise `scale`
 *     sack A..B C..D                SACK blocks. `out` without it has none
 *     peer N                        the segment belongs to another connection of the same peer
 */
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from 'vnet/internal/packet/tcp'

export interface Case {
  /** Behaviour of the host, as a statement. */
  readonly title: string
  readonly steps: readonly Step[]
  readonly family: 4 | 6
  /**
   * Settings below net/ipv4: `{ tcp_syn_retries: 1 }`. A kernel without one of them does not run
   * the case.
   */
  readonly sysctls: Readonly<Record<string, string | number>>
  /** Why the case does not run on a kernel. */
  readonly memoryOnly: string | undefined
}

export interface Step {
  /** The line as written, for messages. */
  readonly text: string
  /** Milliseconds since the previous step; undefined: immediately. */
  readonly time: readonly [earliest: number, latest: number] | undefined
  readonly verb: string
  readonly words: readonly string[]
  /** Of `in` and `out`. */
  readonly items: Items | undefined
}

/** The items of a segment. Those that are undefined were not given. */
export interface Items {
  /** TCP_* bits. */
  flags: number
  sequence?: number
  data?: Range
  /** The largest segment. */
  size?: number
  ack?: number
  urgent?: number
  window?: readonly [relation: string, value: number]
  mss?: number
  sackPermitted?: boolean
  /** NaN: any. */
  scale?: number
  /** NaN: any. */
  timestamp?: number
  sack?: readonly Range[]
  peer: number
}

export type Range = readonly [from: number, to: number]

/** Returns the lines that a line stands for: `open`, `opened`, and `out` with several segments. */
function expanded(line: string): string[] {
  const [, verb, after = '', items] = /^(open|opened)(?: (\+\d+))?(?: (\D.*))?$/.exec(line) ?? []
  const options = items ?? 'mss 1460'
  if (verb === 'open') return ['connect', 'out syn 0', `${after} in syn 0, ack 1, ${options}`, 'out ack 1', 'connected']
  if (verb === 'opened') return ['listen', `in syn 0, ${options}`, 'out syn 0, ack 1', `${after} in ack 1`, 'accept']
  const [, rest] = /^out data \d+\.\.\d+ \d+(, .*)$/.exec(line) ?? []
  if (rest === undefined) return [line]
  const [from = 0, to = 0, size = 1] = (line.match(/\d+/g) ?? []).map(Number)
  const starts = Array.from({ length: Math.ceil((to - from) / size) }, (_, i) => from + i * size)
  return starts.map(start => `out data ${start}..${Math.min(start + size, to)}${rest}`)
}

/** Makes a case of its lines. */
export function tcp(title: string, lines: string, options: Partial<Omit<Case, 'title' | 'steps'>> = {}): Case {
  const { family = 4, sysctls = {}, memoryOnly } = options
  const texts = lines
    .split('\n')
    .map(line => line.replace(/#.*/, '').trim())
    .filter(line => line !== '')
    .flatMap(expanded)
    .map(line => line.trim())
  return { title, family, sysctls, memoryOnly, steps: texts.map(parseStep) }
}

const LINE = /^(?:\+(\d+)(?:\.\.(\d+))?\s+)?(\S+)\s*(.*)$/

function parseStep(text: string): Step {
  const [, earliest, latest = earliest, verb = '', rest = ''] = LINE.exec(text) ?? []
  const time = earliest === undefined ? undefined : ([Number(earliest), Number(latest)] as const)
  const isSegment = verb === 'in' || verb === 'out' || verb === 'finally'
  return { text, time, verb, words: rest.split(/\s+/), items: isSegment ? parseItems(text, rest) : undefined }
}

const FLAGS: Readonly<Record<string, number>> = { syn: TCP_SYN, fin: TCP_FIN, rst: TCP_RST, push: TCP_PSH }

function parseItems(text: string, rest: string): Items {
  const items: Items = { flags: 0, peer: 1 }
  for (const item of rest.split(',')) {
    const [name = '', ...words] = item.trim().split(/\s+/)
    const [word] = words
    const number = word === undefined ? Number.NaN : Number(word)
    if (name in FLAGS) {
      items.flags |= FLAGS[name] as number
      if (word !== undefined) items.sequence = number
    } else if (name === 'seq') items.sequence = number
    else if (name === 'data') {
      items.data = range(word ?? '')
      items.sequence = items.data[0]
      if (words[1] !== undefined) items.size = Number(words[1])
    } else if (name === 'ack') {
      items.ack = number
      items.flags |= TCP_ACK
    } else if (name === 'urgent') {
      items.urgent = number
      items.flags |= TCP_URG
    } else if (name === 'win') {
      const [, relation, value] = /^([<>]?)(\d+)$/.exec(word ?? '') ?? []
      items.window = [relation || '=', Number(value)]
    } else if (name === 'mss' || name === 'scale' || name === 'peer') items[name] = number
    else if (name === 'sack-ok') items.sackPermitted = true
    else if (name === 'ts') items.timestamp = number
    else if (name === 'sack') items.sack = words.map(range)
    else throw new Error(`${text}: no item is called '${name}'`)
  }
  return items
}

function range(text: string): Range {
  const [from = '', to = ''] = text.split('..')
  return [Number(from), Number(to)]
}
