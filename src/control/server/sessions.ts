/** The clients of a server: which are admitted, and how many. */

import { EBUSY, EMFILE, ENFILE, ENOBUFS, ENOMEM, type Turns, type Work } from '../../base/index.ts'
import { closeFd, MSG_DONTWAIT, type Native } from '../../linux/index.ts'
import { MessageBuilder, NLMSG_HDRLEN, writeAck } from '../../netlink/index.ts'
import type { Heir, Later } from '../operations/operation.ts'
import {
  Connection,
  type ConnectionListener,
  MESSAGE_MAX,
  type Peer,
  peerOf,
} from '../sockets/connection.ts'
import type { Batches } from './batches.ts'
import { type Client, type Dispatch, dispatch, type Parts } from './dispatch.ts'
import type { Accepting } from './listening-socket.ts'
import type { Missing, Rights } from './rights.ts'

/** The number of concurrent connections; more wait. The last KEPT are for clients with rights. */
const CONNECTIONS = 256
const KEPT = 64
/** Concurrent connections of a user without rights to change anything. */
const CONNECTIONS_A_USER = 64
/** Milliseconds until the next attempt, after descriptors or memory ran out, or after refusals. */
const PAUSE_MS = 10

/** Connections that are refused in one step. */
const REFUSALS = 4
/**
 * Refusals before a pause: a client that connects again each time would keep the kernel busy with
 * the ends of connections, and frames wait for that.
 */
const REFUSALS_MAX = 16

const OUT_OF_ROOM: readonly number[] = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

/** Admits waiting clients one by one, in their share of the time. */
export class Sessions implements Work {
  readonly share = 'connections'
  readonly privileged = false
  readonly #listening: Accepting
  readonly #rights: ClientRights
  readonly #server: Shared
  readonly #sessions = new Set<Session>()
  #timer: NodeJS.Timeout | undefined
  /** Refusals since the last pause. */
  #refused = 0
  #isOpen = true
  /** `waiting`: another process accepts, and only the clients that wait now are accepted here. */
  #accepts: 'all' | 'waiting' | 'none' = 'all'

  constructor(listening: Accepting, rights: ClientRights, server: SessionServer) {
    this.#listening = listening
    this.#rights = rights
    this.#server = {
      ...server,
      builder: new MessageBuilder(),
      spares: [],
      onEnd: session => {
        this.#sessions.delete(session)
        server.onEnd(session)
      },
    }
  }

  get #isAccepting(): boolean {
    return this.#accepts !== 'none'
  }

  get size(): number {
    return this.#sessions.size
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#sessions.values()
  }

  /** A client waits to be accepted. */
  onReadable(): void {
    this.#server.turns.add(this)
  }

  /** Admits one client, or refuses a few, so that a user with too many delays no others. */
  step(): boolean {
    if (!this.#isOpen || !this.#isAccepting) return false
    let fd = -EMFILE
    for (let turnedAway = 0; this.#sessions.size < CONNECTIONS; ) {
      fd = this.#listening.accept()
      if (fd < 0) break
      const isAdmitted = this.#admit(fd, this.#server.elsewhere)
      if (!this.#isAccepting) return false
      if (isAdmitted) return true
      if (++this.#refused >= REFUSALS_MAX) return this.#pause()
      if (++turnedAway === REFUSALS) return true
    }
    if (this.#accepts === 'waiting') {
      this.#accepts = 'none'
    } else if (OUT_OF_ROOM.includes(-fd)) {
      // Without a pause the watcher would report the waiting clients again and again.
      return this.#pause()
    } else {
      this.#listening.poller.start()
    }
    return false
  }

  wait(): void {
    this.#listening.poller.stop()
  }

  /** Admits a client that another process has accepted, with the bytes that it has read. */
  take(fd: number, input?: Uint8Array): void {
    if (this.#isOpen) {
      this.#admit(fd, undefined, input)
    } else {
      closeFd(this.#listening.calls, fd)
    }
  }

  /** Stops accepting: another process does that. */
  leave(): void {
    this.#accepts = 'none'
    this.#listening.poller.stop()
  }

  /** After `leave`: accepts the clients that still wait. */
  acceptWaiting(): void {
    if (!this.#isOpen || this.#accepts !== 'none') return
    this.#accepts = 'waiting'
    this.#server.turns.add(this)
  }

  /** Accepts again after `leave`. */
  resume(): void {
    if (!this.#isOpen) return
    this.#accepts = 'all'
    this.#listening.poller.start()
  }

  /** Serves the pending requests, at most `most` requests and parts, and ends all sessions. */
  close(most: number): void {
    let left = most
    this.#accepts = 'all'
    while (left > 0 && this.step()) {
      left--
    }
    this.#isOpen = false
    this.#server.turns.delete(this)
    clearTimeout(this.#timer)
    for (const session of [...this.#sessions]) {
      while (left > 0 && session.step()) {
        left--
      }
      session.close()
    }
  }

  #pause(): false {
    if (this.#accepts === 'waiting') {
      this.#accepts = 'none'
    }
    this.#listening.poller.stop()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#refused = 0
      if (this.#accepts === 'all') {
        this.#listening.poller.start()
      }
    }, PAUSE_MS).unref()
    return false
  }

  #admit(fd: number, elsewhere: SessionServer['elsewhere'], input?: Uint8Array): boolean {
    const { calls } = this.#listening
    const peer = peerOf(calls, fd)
    const missing = peer && this.#rights.missing(fd, peer)
    if (peer !== undefined && elsewhere?.(fd, missing)) return true
    const refusal =
      peer === undefined ? 'the kernel does not tell who you are' : this.#refusal(peer, missing)
    if (peer === undefined || refusal !== undefined) {
      calls.send(fd, refused(this.#server.builder, refusal ?? ''), MSG_DONTWAIT)
      closeFd(calls, fd)
      return false
    }
    const missingToCapture = this.#rights.missingToCapture(fd, peer, missing)
    const owner = { missing, missingToCapture, share: peer.uid }
    const session = Session.of(calls, fd, owner, this.#server, input)
    if (typeof session === 'number') return false
    this.#sessions.add(session)
    // Its first request may be in `input`, which wakes no thread.
    if (input !== undefined) {
      session.onReadable()
    }
    return true
  }

  /** Returns why a client is refused, or undefined. */
  #refusal(peer: Peer, missing: Missing): string | undefined {
    const { size } = this.#sessions
    if (missing === undefined) return undefined
    if (size >= CONNECTIONS - KEPT) {
      return `this vnet has ${size} clients already; the rest is kept for root and its owner`
    }
    let own = 0
    for (const session of this.#sessions) {
      if (session.share === peer.uid && !session.privileged) {
        own++
      }
    }
    return own < CONNECTIONS_A_USER
      ? undefined
      : `user ${peer.uid} has ${own} connections to this vnet already`
  }
}

/** An error about the connection, in reply to no request. Valid until anything else is written. */
function refused(builder: MessageBuilder, text: string): Uint8Array {
  const none = { type: 0, flags: 0, seq: 0, portid: 0, offset: NLMSG_HDRLEN, length: 0 }
  writeAck(builder.reset(), new Uint8Array(NLMSG_HDRLEN), none, 0, { error: -EBUSY, message: text })
  return builder.bytes
}

type ClientRights = Pick<Rights, 'missing' | 'missingToCapture'>

type SessionOwner = Pick<Client, 'missing' | 'missingToCapture' | 'share'>

/** The shared parts of a server's sessions. */
interface SessionServer extends Omit<Dispatch, 'builder'> {
  readonly turns: Turns
  /** Bounds the requests of clients without rights; undefined in a process without frames. */
  readonly batches?: Batches | undefined
  /** Passes an accepted client to another process if it belongs there; returns whether it did. */
  readonly elsewhere?: (fd: number, missing: Missing) => boolean
  readonly onEnd: (session: Session) => void
}

interface Shared extends SessionServer, Dispatch {
  /** Input buffers of connections that have ended. */
  readonly spares: Uint8Array[]
}

/**
 * The server's side of a client's connection. No request is served before the client has read the
 * previous reply. So a client that does not read costs one queue, and one part of a dump.
 */
export class Session implements Work, Client, ConnectionListener {
  readonly missing: Missing
  readonly missingToCapture: Missing
  readonly share: Work['share']
  onDrained: (() => void) | undefined
  readonly #server: Shared
  #connection: Connection | undefined
  #dump: Parts | undefined
  /** Gets the connection once the request in hand is acknowledged. */
  #heir: Heir | undefined
  /** The rest of a reply that another thread makes. */
  #later: Later | undefined

  private constructor(owner: SessionOwner, server: Shared) {
    this.missing = owner.missing
    this.missingToCapture = owner.missingToCapture
    this.share = owner.share
    this.#server = server
  }

  get privileged(): boolean {
    return this.missing === undefined
  }

  get isDeferred(): boolean {
    return this.#later !== undefined
  }

  /**
   * Takes over a descriptor, from which `input` was read already. Returns -errno on failure; the
   * descriptor is then closed.
   */
  static of(
    native: Native,
    fd: number,
    owner: SessionOwner,
    server: Shared,
    input?: Uint8Array,
  ): Session | number {
    const session = new Session(owner, server)
    const connection = Connection.of(native, fd, session, server.spares, input)
    if (typeof connection === 'number') return connection
    connection.unref()
    session.#connection = connection
    return session
  }

  /** Ends the connection if the message does not fit: the client must not miss a reply. */
  send(bytes: Uint8Array): void {
    const sent = this.#connection?.send(bytes) ?? 0
    if (sent < 0) {
      this.close()
    }
  }

  dump(parts: Parts): void {
    this.#dump = parts
  }

  handOver(heir: Heir): void {
    this.#heir = heir
  }

  /** Leaves the reply to another thread, which calls `reply`. */
  defer(later: Later): void {
    this.#later = later
  }

  /** Sends a part of a deferred reply. */
  reply(bytes: Uint8Array, isLast: boolean): void {
    if (isLast) {
      this.#later = undefined
    }
    this.send(bytes)
    if (this.#connection !== undefined) {
      this.#server.turns.add(this)
    }
  }

  /** Sends an event if a reply would still fit after it; returns whether it was sent. */
  notify(bytes: Uint8Array): boolean {
    const connection = this.#connection
    return (
      connection !== undefined &&
      connection.pending + bytes.length <= MESSAGE_MAX &&
      connection.send(bytes) === 0
    )
  }

  /** Sends one part of a dump, or serves one request. */
  step(): boolean {
    const connection = this.#connection
    if (connection === undefined) return false
    if (connection.pending > 0) {
      connection.pause()
      return false
    }
    if (this.#later !== undefined) {
      connection.pause()
      this.#later.more()
      return false
    }
    if (!this.privileged && this.#server.batches?.admit(this) === false) {
      connection.pause()
      return false
    }
    if (this.#dump !== undefined) {
      const { value, done } = this.#dump.next()
      if (done) {
        this.#dump = undefined
      }
      this.send(value)
      return true
    }
    if (connection.receive(1) > 0) return this.#heir === undefined || this.#give(connection)
    connection.resume()
    return false
  }

  wait(): void {
    this.#connection?.pause()
  }

  onReadable(): void {
    this.#server.turns.add(this)
  }

  onMessage(bytes: Uint8Array, at: number, length: number): void {
    dispatch(this.#server, this, bytes, at, length)
  }

  onDrain(): void {
    this.onDrained?.()
    this.#server.turns.add(this)
  }

  onEnd(): void {
    this.close()
  }

  /** Idempotent. */
  close(): void {
    if (this.#connection === undefined) return
    this.#heir?.close()
    this.#later?.close()
    this.#connection.close()
    this.#connection = undefined
    this.#heir = undefined
    this.#dump = undefined
    this.#later = undefined
    this.#server.turns.delete(this)
    this.#server.batches?.delete(this)
    this.#server.onEnd(this)
  }

  /** Ends the session without ending its connection. */
  #give(connection: Connection): false {
    this.#heir?.take(connection.detach())
    this.#heir = undefined
    this.close()
    return false
  }
}
