/** Messages: the bytes that one end of a connection sent before the other end sent any. */
import type { PacketView } from './packet-view.ts'
import type { FlowStory, Way } from './story.ts'
import type { Room } from './transmissions.ts'

export const MESSAGES_MAX = 64
export const CONTENT_MAX = 2048
/** The most bytes of contents that all open connections keep. */
const CONTENTS_MAX = 1 << 23

interface Open {
  readonly way: Way
  readonly time: number
  length: number
  /** The number of the byte after the content. */
  next: number
  content: Uint8Array
}

export class Messages {
  readonly #room: Room
  readonly list: Open[] = []
  #way: Way | undefined
  turns = 0

  constructor(room: Room) {
    this.#room = room
  }

  /** Adds `fresh` bytes of a segment that starts at number `n`. */
  add(p: PacketView, way: Way, fresh: number, n: number): void {
    let last = this.list.at(-1)
    if (way !== this.#way) {
      this.#way = way
      this.turns++
      if (this.list.length >= MESSAGES_MAX) return
      last = { way, time: p.time, length: 0, next: n, content: NONE }
      this.list.push(last)
    } else if (this.turns > MESSAGES_MAX) return
    if (last === undefined) return
    last.length += fresh
    const { content } = last
    const length = Math.min(CONTENT_MAX - content.length, p.end - p.at, p.length)
    if (n !== last.next || length <= 0 || this.#room.contents + length > CONTENTS_MAX) return
    this.#room.contents += length
    last.content = new Uint8Array(content.length + length)
    last.content.set(content)
    last.content.set(p.bytes.subarray(p.at, p.at + length), content.length)
    // A record that is cut has a gap after it.
    last.next = length === p.length ? n + length : Number.NaN
  }

  /** Adds a datagram, which is a message of its own. */
  addDatagram(p: PacketView, way: Way): void {
    this.#way = undefined
    this.add(p, way, p.length, 0)
  }

  /** The protocol, by the first bytes of the client. */
  get application(): FlowStory['application'] {
    const { content = NONE } = this.list[0] ?? {}
    if (content[0] === TLS_HANDSHAKE && content[1] === TLS_MAJOR) return 'tls'
    return /^([A-Z]{3,8} \S|HTTP\/1)/.test(String.fromCharCode(...content.subarray(0, 16))) ? 'http' : undefined
  }
}

const NONE = new Uint8Array(0)
const TLS_HANDSHAKE = 22
const TLS_MAJOR = 3
