/** Messages: the bytes that one end of a connection sent before the other end sent any. */
import type { PacketView } from './packet-view.ts'
import type { FlowStory, Message, Way } from './story.ts'
import type { Room } from './transmissions.ts'

export const MESSAGES_MAX = 64
export const CONTENT_MAX = 2048
/** The most bytes of contents that all flows keep; beyond it, enough to find the protocol. */
const CONTENTS_MAX = 1 << 21
const BEGINNING = 16

const TLS_HANDSHAKE = 22
const TLS_MAJOR = 3

interface Open {
  readonly way: Way
  readonly time: number
  /** When its last new bytes came. */
  until: number
  length: number
  /** The number of the byte after the content, and the content, a character a byte. */
  next: number
  content: string
}

export class Messages {
  readonly #room: Room
  readonly #list: Open[] = []
  #way: Way | undefined
  /** The number of messages, of which some are not kept. */
  turns = 0

  constructor(room: Room) {
    this.#room = room
  }

  /** Adds a segment at number `n` with `fresh` new bytes; all bytes before `whole` were seen. */
  add(p: PacketView, way: Way, n: number, fresh: number, whole: number): void {
    if (way !== this.#way) {
      this.#way = way
      if (this.turns++ < MESSAGES_MAX) {
        this.#list.push({ way, time: p.time, until: p.time, length: 0, next: whole, content: '' })
      }
    }
    const last = this.#list[this.turns - 1]
    if (last === undefined) return
    last.length += fresh
    last.until = p.time
    const most = this.#room.contents < CONTENTS_MAX ? CONTENT_MAX : BEGINNING
    const length = Math.min(most - last.content.length, p.end - p.at, p.length)
    if (n !== last.next || length <= 0) return
    this.#room.contents += length
    last.content += Buffer.from(p.bytes.buffer, p.bytes.byteOffset + p.at, length).toString(
      'latin1',
    )
    // A record that is cut has a gap after it.
    last.next = length === p.length ? n + length : Number.NaN
  }

  /** Adds a datagram, which is a message of its own. */
  addDatagram(p: PacketView, way: Way): void {
    this.#way = undefined
    this.add(p, way, 0, p.length, 0)
  }

  get list(): Message[] {
    return this.#list.map(({ next: _, until: __, content, ...rest }) => ({
      ...rest,
      content: new Uint8Array(Buffer.from(content, 'latin1')),
    }))
  }

  /** The directions and times of the messages. */
  get turnTimes(): readonly Pick<Open, 'way' | 'time' | 'until'>[] {
    return this.#list
  }

  /** Frees the contents. */
  drop(): void {
    for (const { content } of this.#list) {
      this.#room.contents -= content.length
    }
  }

  /** When the last message started. */
  get lastTime(): number {
    return this.#list.at(-1)?.time ?? 0
  }

  /** A byte of a message; undefined without the message. */
  byte(i: number, at = 0): number | undefined {
    return this.#list[i]?.content.charCodeAt(at)
  }

  /** The protocol, by the first bytes. */
  get application(): FlowStory['application'] {
    const { content = '' } = this.#list[0] ?? {}
    if (content.charCodeAt(0) === TLS_HANDSHAKE && content.charCodeAt(1) === TLS_MAJOR) return 'tls'
    return /^([A-Z]{3,8} (?!rtsp:|sips?:)\S|HTTP\/1)/.test(content) ? 'http' : undefined
  }
}
