/**
 * Positions: the bytes of TCP streams at which faults are tried that end or silence a connection. A
 * connection is a row of turns, such as a request and its reply, which are cut into packets in any
 * way: a fault at their first, middle and last byte finds more than one at each packet.
 */
import { tcp } from 'vnet'
import { layersOf } from 'vnet/kit/packet'
import type { Direction } from 'vnet/wire'
import { formatName } from '../model/packet-name.ts'
import { isConnectionVerb } from '../model/verbs.ts'
import type { FaultKind } from './fault-text.ts'
import type { ExploredPacket } from './points.ts'

/** Where a byte is: the SYN, in a turn, or the start of a segment of a stream without turns. */
type Place = 'syn' | 'first' | 'middle' | 'last' | 'segment'

/** A byte of a stream. */
export interface Position {
  readonly place: Place
  /** Whether the end that has opened the connection receives it. */
  readonly isReply: boolean
  /** Whether the byte before it in its turn is of another packet. */
  readonly isOwnPacket: boolean
  /** The name of the packet that carries it in the clean run. */
  readonly packet: string
}

/** The faults that are tried at bytes. */
const BYTE_VERBS: readonly FaultKind['verb'][] = [
  'fin',
  'abort',
  'reset',
  'silence',
  'mute',
  'deaf',
  'forget',
]
/** Turns at each end of a connection that has more of them. */
const END_TURNS = 3

/**
 * Returns faults with the places at which they are tried: `fin` and `abort` always at bytes, other
 * faults if `points` says so, or if they are the default ones.
 */
export function atBytes(
  kinds: readonly FaultKind[],
  points: 'bytes' | 'packets' | undefined,
): FaultKind[] {
  return kinds.map(kind => {
    const { verb, only } = kind
    const isChosen = points === undefined ? only !== undefined : points === 'bytes'
    const isAtByte = isConnectionVerb(verb) || (isChosen && BYTE_VERBS.includes(verb))
    return isAtByte ? { ...kind, isAtByte } : kind
  })
}

/**
 * Whether a fault is tried at a packet or byte. Other protocols than TCP have packets only. An
 * abort is also tried at the resets of the program itself.
 */
export function isTriedAt(
  { verb, only, isAtByte = false }: Pick<FaultKind, 'verb' | 'only' | 'isAtByte'>,
  { flow, part, position }: Pick<ExploredPacket, 'flow' | 'part' | 'position'>,
): boolean {
  const isTcp = flow.startsWith('tcp ')
  if (only !== undefined && isTcp !== (only === 'tcp')) return false
  if (!isAtByte || !isTcp) return position === undefined
  return position === undefined ? verb === 'abort' && part === 'rst' : isOpen(verb, position)
}

function isOpen(verb: FaultKind['verb'], { place, isReply, isOwnPacket }: Position): boolean {
  // The end that opens a connection and ends it is the program that is tried.
  if (verb === 'fin') return isReply && place !== 'syn'
  // Without bytes before it in its turn, it is a reset.
  if (verb === 'abort') return place !== 'syn' && place !== 'first'
  // All but the last byte of a turn arrives, which is the same as the middle to most programs.
  if (verb === 'silence' || verb === 'mute' || verb === 'deaf') return place !== 'last'
  // It happens after the packet.
  return verb !== 'forget' || isOwnPacket
}

/**
 * Returns the packets and bytes of a run at which one of the faults is tried, in their order.
 * `chosen` are the packets that may be faulted.
 */
export function rowsOf(
  run: readonly ExploredPacket[],
  chosen: readonly ExploredPacket[],
  kinds: readonly FaultKind[],
): ExploredPacket[] {
  const names = new Set(chosen.map(({ name }) => name))
  const tried = kinds.filter(({ verb }) => verb !== 'repair')
  const positions = tried.some(({ isAtByte }) => isAtByte) ? positionsOf(run) : []
  const rows = [...run, ...positions].filter(
    row => names.has(row.position?.packet ?? row.name) && tried.some(kind => isTriedAt(kind, row)),
  )
  return rows.sort((a, b) => a.at - b.at)
}

/** A segment with its data: the bytes from `from` to before `to`; none for a SYN or a FIN. */
interface Segment {
  readonly packet: ExploredPacket
  readonly flags: number
  readonly from: number
  readonly to: number
  /** The start of the data, as far as it was recorded. */
  readonly start: Uint8Array
}

/** The data that one end sends before the other one does. */
interface Turn {
  readonly direction: Direction
  readonly segments: readonly [Segment, ...Segment[]]
}

/** Returns the positions of all connections of a run. */
export function positionsOf(packets: readonly ExploredPacket[]): ExploredPacket[] {
  const connections = new Map<string, Segment[]>()
  for (const packet of packets) {
    const segment = segmentOf(packet)
    if (segment === undefined) continue
    const key = `${packet.link} ${[packet.flow, backOf(packet.flow)].sort()[0]}`
    const known = connections.get(key)
    if (known === undefined) {
      connections.set(key, [segment])
    } else {
      known.push(segment)
    }
  }
  return [...connections.values()].flatMap(connectionPositions)
}

function connectionPositions(segments: readonly Segment[]): ExploredPacket[] {
  const opening = segments.find(
    ({ flags }) => (flags & (tcp.TCP_SYN | tcp.TCP_ACK)) === tcp.TCP_SYN,
  )
  const opener = (opening ?? segments[0])?.packet.direction
  const row = ({ packet }: Segment, n: number, place: Place, isOwnPacket = true) => {
    const { link, direction, flow } = packet
    const position: Position = {
      place,
      isReply: direction !== opener,
      isOwnPacket,
      packet: packet.name,
    }
    const name = formatName({ link, direction, flow, part: 'byte', n, copy: 1 })
    return { ...packet, part: 'byte' as const, n, copy: 1, name, position }
  }
  const syns = segments.filter(({ flags }) => (flags & tcp.TCP_SYN) !== 0)
  const data = segments.filter(({ from, to }) => from < to)
  const inData = hasTurns(data)
    ? chosenTurns(turnsOf(data)).flatMap(turn => bytesOf(turn, row))
    : chosenSegments(data).map(segment => row(segment, segment.from, 'segment'))
  return [...syns.map(syn => row(syn, -1, 'syn')), ...inData]
}

/** Returns the first, the middle and the last byte of a turn, each once. */
function bytesOf(
  { segments }: Turn,
  row: (segment: Segment, n: number, place: Place, isOwnPacket: boolean) => ExploredPacket,
): ExploredPacket[] {
  const [{ from }] = segments
  const to = Math.max(...segments.map(each => each.to))
  const places = new Map<number, Place>()
  for (const [place, n] of [
    ['last', to - 1],
    ['middle', Math.floor((from + to) / 2)],
    ['first', from],
  ] as const) {
    places.set(n, place)
  }
  const seen = new Set<Segment>()
  return [...places]
    .sort(([a], [b]) => a - b)
    .flatMap(([n, place]) => {
      const segment = segments.find(each => each.from <= n && n < each.to)
      if (segment === undefined) return []
      const isOwnPacket = !seen.has(segment)
      seen.add(segment)
      return row(segment, n, place, isOwnPacket)
    })
}

/** The first byte of a record of TLS, and the start of HTTP/2. */
const TLS_HANDSHAKE = 22
const HTTP2 = 'PRI '

/** Whether the turns of a stream can be seen: not in TLS and HTTP/2, which mix several. */
function hasTurns([first]: readonly Segment[]): boolean {
  if (first === undefined) return true
  const { start } = first
  const isTls = start[0] === TLS_HANDSHAKE && start[1] === 3
  return !isTls && Buffer.from(start.subarray(0, HTTP2.length)).toString('latin1') !== HTTP2
}

/** Returns a line for each connection of which segments are tried in place of turns. */
export function withoutTurns(rows: readonly ExploredPacket[]): string[] {
  const flows = rows.flatMap(({ link, flow, position }) => {
    if (position?.place !== 'segment') return []
    return `${link} ${position.isReply ? backOf(flow) : flow}`
  })
  return [...new Set(flows)].map(
    flow => `no turns to be seen (TLS or HTTP/2), so tried at its first and last segments: ${flow}`,
  )
}

/** Returns the segments of both directions at each end, and the middle one. */
function chosenSegments(segments: readonly Segment[]): Segment[] {
  const middle = segments[segments.length >> 1]
  const ends = [...segments.slice(0, END_TURNS), ...segments.slice(-END_TURNS)]
  return segments.filter(each => ends.includes(each) || each === middle)
}

function turnsOf(segments: readonly Segment[]): Turn[] {
  const turns: [Segment, ...Segment[]][] = []
  for (const segment of segments) {
    const last = turns.at(-1)
    if (last?.[0].packet.direction === segment.packet.direction) {
      last.push(segment)
    } else {
      turns.push([segment])
    }
  }
  return turns.map(own => ({ direction: own[0].packet.direction, segments: own }))
}

/**
 * Returns the turns at the ends of a connection. Equal turns, such as heartbeats, count once at
 * each end.
 */
function chosenTurns(turns: readonly Turn[]): Turn[] {
  const first = new Map<string, Turn>()
  const last = new Map<string, Turn>()
  for (const turn of turns) {
    const key = classOf(turn)
    if (!first.has(key)) {
      first.set(key, turn)
    }
    last.set(key, turn)
  }
  const unlike = turns.filter(turn => {
    const key = classOf(turn)
    return first.get(key) === turn || last.get(key) === turn
  })
  return unlike.filter((_, i) => i < END_TURNS || i >= unlike.length - END_TURNS)
}

const classOf = ({ direction, segments }: Turn): string =>
  [direction, ...segments.map(({ from, to, start }) => `${to - from} ${start.join()}`)].join(' ')

/** Returns a segment with data, SYN or FIN, not sent before; undefined for other packets. */
function segmentOf(packet: ExploredPacket): Segment | undefined {
  const { flow, part, copy, n, end, head } = packet
  if (!flow.startsWith('tcp ') || part !== 'seq' || copy !== 1) return undefined
  const upper = layersOf(head, 0, head.length).at(-1)
  if (upper === undefined) return undefined
  const flags = tcp.flags(head, upper.at)
  const fin = (flags & tcp.TCP_FIN) === 0 ? 0 : 1
  const isSyn = (flags & tcp.TCP_SYN) !== 0
  const start = head.subarray(upper.at + tcp.dataOffset(head, upper.at))
  return { packet, flags, from: isSyn ? end - 1 : n - 1, to: end - 1 - fin, start }
}

/** Returns the flow of the other direction. */
export function backOf(flow: string): string {
  const [protocol, from, , to] = flow.split(' ')
  return `${protocol} ${to} > ${from}`
}
