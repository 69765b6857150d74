/**
 * Conversation: what the two ends of TCP connections have said, in turns, as the frames of a clean
 * run show it. Faults are placed in it, and a reproducer replays it.
 */
import { ipv4, tcp } from 'vnet'
import { PacketView, type ViewedRecord } from '../story/packet-view.ts'

/** The ends of a connection: the client has sent its SYN. */
export type End = 'client' | 'server'

/** What one end said before the other did. */
export interface Turn {
  readonly from: End
  readonly bytes: Uint8Array
}

/** One TCP connection of a clean run, in the order of the SYNs, from 1 on. */
export interface Connection {
  readonly number: number
  /** The port of the server. */
  readonly port: number
  readonly turns: readonly Turn[]
  /** The end that sent the first FIN or RST; undefined if the frames have none. */
  readonly closedBy: End | undefined
  /** False if the frames lack some of its bytes, or if there were too many to keep. */
  readonly isWhole: boolean
}

export const STREAM_FAULTS = ['fin', 'reset', 'silence', 'mute'] as const
export type StreamFault = (typeof STREAM_FAULTS)[number]

/** Whether a fault leaves a connection open on which nothing arrives. The others end it. */
export const isSilence = (fault: StreamFault): boolean => fault === 'silence' || fault === 'mute'

/** Where a fault is: byte -1 is the SYN. */
export interface StreamPoint {
  readonly fault: StreamFault
  /** The number of the connection, from 1 on. */
  readonly connection: number
  readonly from: End
  /** Counted over all turns of the end, from 0 on. */
  readonly byte: number
}

/** The most connections of a run, and the most bytes of all of them together. */
const CONNECTIONS_MAX = 1000
const BYTES_MAX = 1 << 24
/** The most segments of one end that wait for a missing byte. */
const EARLY_MAX = 1000

/** A turn that may become longer. */
interface OpenTurn {
  readonly from: End
  readonly parts: Uint8Array[]
}

/** The bytes of one end. Positions are relative to the first byte after its SYN. */
interface Half {
  /** The sequence number of its SYN; NaN before it. */
  syn: number
  /** The position of the first byte that is missing. */
  next: number
  /** Segments past a missing byte, by their positions. */
  readonly early: Map<number, Uint8Array>
}

interface OpenConnection {
  readonly number: number
  readonly port: number
  readonly halves: Readonly<Record<End, Half>>
  readonly turns: OpenTurn[]
  closedBy: End | undefined
  isWhole: boolean
}

/** A connection, and which end of it has sent a packet. */
interface Sent {
  readonly connection: OpenConnection
  readonly from: End
}

/**
 * Reads frames, in their order, as connections. Frames may be repeated, out of order, or as long as
 * before segmentation by the NIC. Connections without a SYN are left out.
 */
export class Conversation {
  readonly #view = new PacketView()
  /** By the address and port of the client, and then of the server. */
  readonly #open = new Map<string, OpenConnection>()
  readonly #all: OpenConnection[] = []
  #bytes = 0

  /** Copies what it keeps of the record. */
  take(record: ViewedRecord): void {
    const p = this.#view
    if (p.read(record) !== '' || p.report !== '' || p.protocol !== ipv4.IPPROTO_TCP) return
    const sent = this.#senderOf(p)
    if (sent === undefined) return
    const { connection, from } = sent
    const half = connection.halves[from]
    const isSyn = (p.flags & tcp.TCP_SYN) !== 0
    if (isSyn) {
      half.syn = p.seq
    }
    if ((p.flags & (tcp.TCP_FIN | tcp.TCP_RST)) !== 0) {
      connection.closedBy ??= from
    }
    if (p.length === 0 || (p.flags & tcp.TCP_RST) !== 0) return
    if (Number.isNaN(half.syn)) {
      connection.isWhole = false
      return
    }
    // The data of a SYN follows it.
    this.#add(connection, from, (p.seq - half.syn - (isSyn ? 0 : 1)) | 0, p)
  }

  get connections(): Connection[] {
    return this.#all.map(({ halves, turns, isWhole, ...rest }) => ({
      ...rest,
      isWhole: isWhole && halves.client.early.size === 0 && halves.server.early.size === 0,
      turns: turns.map(({ from, parts }) => ({ from, bytes: Buffer.concat(parts) })),
    }))
  }

  #senderOf(p: PacketView): Sent | undefined {
    const own = endText(p, p.addressAt, p.sourcePort)
    const other = endText(p, p.addressAt + p.addressSize, p.destinationPort)
    const back = this.#open.get(other + own)
    const isOpening = (p.flags & (tcp.TCP_SYN | tcp.TCP_ACK)) === tcp.TCP_SYN
    if (back !== undefined && !isOpening) return { connection: back, from: 'server' }
    const known = this.#open.get(own + other)
    // A SYN of another number opens another connection between the same ports.
    const isKnown = known !== undefined && (!isOpening || known.halves.client.syn === p.seq)
    if (isKnown) return { connection: known, from: 'client' }
    if (!isOpening || this.#all.length >= CONNECTIONS_MAX) return undefined
    const connection: OpenConnection = {
      number: this.#all.length + 1,
      port: p.destinationPort,
      halves: { client: newHalf(), server: newHalf() },
      turns: [],
      closedBy: undefined,
      isWhole: true,
    }
    this.#all.push(connection)
    this.#open.delete(other + own)
    this.#open.set(own + other, connection)
    return { connection, from: 'client' }
  }

  /** Adds the payload of a segment, which is at a position of its stream. */
  #add(connection: OpenConnection, from: End, at: number, p: PacketView): void {
    const half = connection.halves[from]
    const isCut = p.end - p.at < p.length
    const isNew = at + p.length > half.next && (half.early.get(at)?.length ?? 0) < p.length
    if (!isNew) return
    const isEarly = at > half.next
    const isFull = isEarly && half.early.size >= EARLY_MAX
    if (isCut || isFull || this.#bytes + p.length > BYTES_MAX) {
      connection.isWhole = false
      return
    }
    this.#bytes += p.length
    half.early.set(at, p.bytes.slice(p.at, p.at + p.length))
    if (!isEarly) {
      this.#joinEarly(connection, from)
    }
  }

  /** Moves the segments that follow without a gap into turns. */
  #joinEarly({ halves, turns }: OpenConnection, from: End): void {
    const half = halves[from]
    const isNext = ([at]: readonly [number, Uint8Array]) => at <= half.next
    for (let next = find(half.early, isNext); next; next = find(half.early, isNext)) {
      const [at, bytes] = next
      half.early.delete(at)
      const fresh = bytes.subarray(half.next - at)
      if (fresh.length === 0) continue
      half.next += fresh.length
      const last = turns.at(-1)
      if (last?.from === from) {
        last.parts.push(fresh)
      } else {
        turns.push({ from, parts: [fresh] })
      }
    }
  }
}

const newHalf = (): Half => ({ syn: Number.NaN, next: 0, early: new Map() })

const endText = ({ bytes, addressSize }: PacketView, at: number, port: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + addressSize), port)

function find(
  early: ReadonlyMap<number, Uint8Array>,
  is: (entry: readonly [number, Uint8Array]) => boolean,
): readonly [number, Uint8Array] | undefined {
  for (const entry of early) {
    if (is(entry)) return entry
  }
  return undefined
}
