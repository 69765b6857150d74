/** Points: the bytes of the connections of a clean run at which faults are tried. */
import { readSync } from 'node:fs'
import { ipv4, tcp } from 'vnet'
import { CaptureReader } from 'vnet/capture'
import { directionOf } from 'vnet/kit/capture'
import { wholeTransport } from 'vnet/kit/packet'
import type { Direction } from 'vnet/wire'
import { Flows, opensConnection } from '../carrier/flows.ts'
import { type FaultKind, parseKind } from '../explore/fault-text.ts'
import type { ExploredPacket } from '../explore/points.ts'
import { backOf, isTriedAt, positionsOf, withoutTurns } from '../explore/positions.ts'
import { openFile } from '../model/open-file.ts'
import { formatName } from '../model/packet-name.ts'
import {
  type Connection,
  Conversation,
  type StreamFault,
  type StreamPoint,
} from './conversation.ts'

/** A point, and the direction of its byte on the link. */
export interface Point extends StreamPoint {
  readonly direction: Direction
}

/** The packets of a clean run. */
export interface Recorded {
  readonly connections: readonly Connection[]
  readonly packets: readonly ExploredPacket[]
  /** How many more packets there were, of which no more are kept. */
  readonly unnamed: number
}

/** The name of the link, and the end of the name of its interface at the client. */
const LINK = 'client-server'
const CLIENT_INTERFACE = 'client/server'
/** The most packets that are kept, and the most bytes of each. */
const PACKETS_MAX = 20_000
const SNAPLEN = 128
const CHUNK = 2 ** 20

/** Reads the capture of a link. `hosts` has the names of its addresses. */
export function readRecorded(path: string, hosts: ReadonlyMap<string, string>): Recorded {
  const conversation = new Conversation()
  const named = new NamedPackets(hosts)
  using file = openFile(path, 'r')
  const reader = new CaptureReader(path)
  const chunk = Buffer.alloc(CHUNK)
  for (let isOver = false; !isOver; ) {
    const length = readSync(file.fd, chunk)
    isOver = length === 0
    if (isOver) {
      reader.end()
    } else {
      reader.push(chunk.subarray(0, length))
    }
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      const isOfClient = record.interfaceName?.endsWith(CLIENT_INTERFACE) === true
      if (!isOfClient || record.drop !== undefined) continue
      conversation.take(record)
      named.take(record.frame, directionOf(record) === 'rx' ? 'ba' : 'ab')
    }
  }
  const { packets, unnamed } = named
  return { connections: conversation.connections, packets, unnamed }
}

/** The packets of a link with their names. Packets of older connections are left out. */
export class NamedPackets {
  readonly packets: ExploredPacket[] = []
  /** Packets past the most that are kept. */
  unnamed = 0
  readonly #flows: Flows
  /** The ports of the connections that were opened. */
  readonly #opened = new Set<string>()

  /** `hosts` has the names of addresses. */
  constructor(hosts: ReadonlyMap<string, string>) {
    this.#flows = new Flows(hosts)
  }

  /** Takes the next frame of the link, and copies what it keeps. */
  take(frame: Uint8Array, direction: Direction): void {
    if (!this.#isOpen(frame)) return
    if (this.packets.length === PACKETS_MAX) {
      this.unnamed++
      return
    }
    const named = this.#flows.name(frame, 0, frame.length)
    if (named === undefined) return
    const { half, number, part, n, end, copy } = named
    const name = { link: LINK, direction, flow: half.text, part, n, copy }
    const head = frame.slice(0, SNAPLEN)
    const rest = { length: frame.length, time: 0, at: 0, hit: false, lost: false }
    this.packets.push({ ...name, ...rest, number, end, head, name: formatName(name) })
  }

  /** Whether a frame is of a connection that was opened, or of another protocol than TCP. */
  #isOpen(frame: Uint8Array): boolean {
    const upper = wholeTransport(frame, 0, frame.length)
    if (upper?.protocol !== ipv4.IPPROTO_TCP) return true
    const ends = [tcp.sourcePort(frame, upper.h), tcp.destinationPort(frame, upper.h)]
    const key = ends.sort((a, b) => a - b).join()
    if (opensConnection(frame, upper.h)) {
      this.#opened.add(key)
    }
    return this.#opened.has(key)
  }
}

/** The points of a client, and what their choice leaves out. */
export interface ChosenPoints {
  readonly points: readonly Point[]
  /** A line each. */
  readonly notes: readonly string[]
}

/**
 * Returns the points of these faults: all points of one fault after the other, because runs under
 * `fin` and `reset` do not wait, and its SYNs last, because they have no reproducer.
 */
export function pointsOf(
  packets: readonly ExploredPacket[],
  faults: readonly StreamFault[],
): ChosenPoints {
  const numbers = connectionNumbers(packets)
  const rows = positionsOf(packets)
  const points = faults.flatMap(fault => {
    const kind: FaultKind = { ...parseKind(fault), isAtByte: true }
    const tried = rows.filter(row => isTriedAt(kind, row))
    const own = tried.flatMap(row => pointOf(row, fault, numbers))
    return own.sort((a, b) => Number(a.byte < 0) - Number(b.byte < 0))
  })
  return { points, notes: withoutTurns(rows) }
}

function pointOf(
  { flow, direction, n, position }: ExploredPacket,
  fault: StreamFault,
  numbers: ReadonlyMap<string, number>,
): Point[] {
  const connection = numbers.get(flow)
  if (connection === undefined) return []
  return [
    {
      fault,
      connection,
      from: position?.isReply === true ? 'server' : 'client',
      byte: n,
      direction,
    },
  ]
}

/** Returns the number of the connection of each flow, by the order of the SYNs that open them. */
function connectionNumbers(packets: readonly ExploredPacket[]): ReadonlyMap<string, number> {
  const opened = new Set<string>()
  for (const { flow, head } of packets) {
    const upper = wholeTransport(head, 0, head.length)
    if (upper?.protocol === ipv4.IPPROTO_TCP && opensConnection(head, upper.h)) {
      opened.add(flow)
    }
  }
  return new Map(
    [...opened].flatMap((flow, i) => [[flow, i + 1] as const, [backOf(flow), i + 1] as const]),
  )
}
