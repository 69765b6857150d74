/** The clients of a server: who is let in, and how many. */
import { EBUSY, EMFILE, ENFILE, ENOBUFS, ENOMEM } from '../core/errno.ts'
import type { Native } from '../kernel/native.ts'
import { MSG_DONTWAIT } from '../kernel/uapi.ts'
import { MessageBuilder, NLMSG_HDRLEN, writeAck } from '../netlink/index.ts'
import { type Peer, peerOf } from './connection.ts'
import type { ListeningSocket } from './listening-socket.ts'
import type { Missing, Rights } from './rights.ts'
import { Session, type SessionServer } from './session.ts'
import type { Work } from './turns.ts'

/** Connections at once: more wait. The last KEPT of them are for those who may change something; others are turned away. */
const CONNECTIONS = 256
const KEPT = 64
/** Connections of a user who may change nothing. */
const CONNECTIONS_A_USER = 64
/** Where there is no room for a connection the next is accepted after this time, ms: others may have ended by then. */
const NO_ROOM_MS = 10

/** Connections that are turned away in one step. */
const REFUSALS = 4

const OUT_OF_ROOM: readonly number[] = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

/** Shares of the time that are not a user's: of those who may change something, and of those who wait to be accepted. */
const SHARE_PRIVILEGED = -1
const SHARE_ACCEPT = -2

/** Waiting clients are let in one by one, as their share of the time comes. */
export class Sessions implements Work {
  readonly share = SHARE_ACCEPT
  readonly #native: Native
  readonly #listening: ListeningSocket
  readonly #rights: Rights
  readonly #server: SessionServer
  readonly #sessions = new Set<Session>()
  #timer: NodeJS.Timeout | undefined
  #isOpen = true

  constructor(native: Native, listening: ListeningSocket, rights: Rights, server: SessionServer) {
    this.#native = native
    this.#listening = listening
    this.#rights = rights
    this.#server = {
      ...server,
      onEnd: session => {
        this.#sessions.delete(session)
        server.onEnd(session)
      },
    }
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Somebody waits to be accepted. */
  onReadable(): void {
    this.#server.turns.add(this)
  }

  /** Lets one in, or sends a few away: those of a user who has too many must not keep others waiting at the door. */
  step(): boolean {
    if (!this.#isOpen) return false
    let fd = -EMFILE
    for (let refused = 0; this.#sessions.size < CONNECTIONS; ) {
      fd = this.#listening.accept()
      if (fd < 0) break
      if (this.#admit(fd) || ++refused === REFUSALS) return true
    }
    if (OUT_OF_ROOM.includes(-fd)) {
      // Clients would be there to be accepted all the time.
      this.#listening.pause()
      this.#timer = setTimeout(() => this.#listening.resume(), NO_ROOM_MS).unref()
    } else {
      this.#listening.resume()
    }
    return false
  }

  wait(): void {
    this.#listening.pause()
  }

  /** Answers what has been asked, at most `most` requests and parts of answers, and ends all. */
  close(most: number): void {
    let left = most
    while (left > 0 && this.step()) left--
    this.#isOpen = false
    clearTimeout(this.#timer)
    for (const session of [...this.#sessions]) {
      while (left > 0 && session.step()) left--
      session.close()
    }
  }

  /** Returns whether it was let in. */
  #admit(fd: number): boolean {
    const peer = peerOf(this.#native, fd)
    const missing = peer && this.#rights.missing(fd, peer)
    const refusal = peer === undefined ? 'it is not known who you are' : this.#refusal(peer, missing)
    if (peer === undefined || refusal !== undefined) {
      this.#native.send(fd, refused(refusal ?? ''), MSG_DONTWAIT)
      this.#native.close(fd)
      return false
    }
    const share = missing === undefined ? SHARE_PRIVILEGED : peer.uid
    const session = Session.of(this.#native, fd, { uid: peer.uid, missing, share }, this.#server)
    if (typeof session !== 'number') this.#sessions.add(session)
    return typeof session !== 'number'
  }

  /** Why there is no room for a client; undefined when there is. */
  #refusal({ uid }: Peer, missing: Missing): string | undefined {
    const { size } = this.#sessions
    if (missing === undefined) return undefined
    if (size >= CONNECTIONS - KEPT)
      return `this vnet has ${size} clients already; the rest is kept for root and its owner`
    const own = [...this.#sessions].filter(session => session.share === uid).length
    return own < CONNECTIONS_A_USER ? undefined : `user ${uid} has ${own} connections to this vnet already`
  }
}

/** An error that is the answer to nothing in particular: the connection's. */
function refused(text: string): Uint8Array {
  const none = { type: 0, flags: 0, seq: 0, portid: 0, offset: NLMSG_HDRLEN, length: 0 }
  const builder = new MessageBuilder()
  writeAck(builder, new Uint8Array(NLMSG_HDRLEN), none, 0, { error: -EBUSY, message: text })
  return builder.bytes
}
