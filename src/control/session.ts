/**
 * A client's connection, as the server has it: requests are answered one after the other, a part at a time, and none while the
 * client has not read the answer to the one before. So a client that does not read costs what a connection may queue, and one
 * part of a dump.
 */
import type { Native } from '../kernel/native.ts'
import { Connection, type ConnectionListener, MESSAGE_MAX } from './connection.ts'
import { type Client, dispatch, type OnDefect, type Parts } from './dispatch.ts'
import type { Family } from './operation.ts'
import type { Missing } from './rights.ts'
import type { Turns, Work } from './turns.ts'

/** Who a session is of. */
export interface SessionOwner {
  readonly uid: number
  /** What it lacks to change something. */
  readonly missing: Missing
  /** It has its time with those of the same number. */
  readonly share: number
}

/** What all sessions of a server have in common. */
export interface SessionServer {
  readonly families: ReadonlyMap<number, Family>
  readonly turns: Turns
  readonly onDefect: OnDefect
  /** Called when the client, or we, ended the connection. */
  readonly onEnd: (session: Session) => void
}

export class Session implements Work, Client, ConnectionListener {
  readonly uid: number
  readonly missing: Missing
  readonly share: number
  /** Called when the client has read all that was sent to it. */
  onDrained: (() => void) | undefined
  readonly #server: SessionServer
  #connection: Connection | undefined
  #dump: Parts | undefined

  private constructor(owner: SessionOwner, server: SessionServer) {
    this.uid = owner.uid
    this.missing = owner.missing
    this.share = owner.share
    this.#server = server
  }

  /** On a descriptor, which belongs to it from here on; or -errno, and the descriptor is closed. */
  static of(native: Native, fd: number, owner: SessionOwner, server: SessionServer): Session | number {
    const session = new Session(owner, server)
    const connection = Connection.of(native, fd, session)
    if (typeof connection === 'number') return connection
    connection.unref()
    session.#connection = connection
    return session
  }

  /** An answer that there is no room for ends the connection: it would be missing. */
  send(octets: Uint8Array): void {
    const sent = this.#connection?.send(octets) ?? 0
    if (sent < 0) this.close()
  }

  dump(parts: Parts): void {
    this.#dump = parts
  }

  /** Sends what was not asked for, if there is room beside an answer; returns whether it was sent. */
  tell(octets: Uint8Array): boolean {
    const connection = this.#connection
    return (
      connection !== undefined && connection.pending + octets.length <= MESSAGE_MAX && connection.send(octets) === 0
    )
  }

  /** One part of a dump, or one request. */
  step(): boolean {
    const connection = this.#connection
    if (connection === undefined) return false
    if (connection.pending > 0) {
      connection.pause()
      return false
    }
    if (this.#dump !== undefined) {
      const { value, done } = this.#dump.next()
      if (done) this.#dump = undefined
      this.send(value)
      return true
    }
    if (connection.receive(1) > 0) return true
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
    const { families, onDefect } = this.#server
    dispatch(families, bytes, at, length, this, onDefect)
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
    this.#connection.close()
    this.#connection = undefined
    this.#dump = undefined
    this.#server.turns.delete(this)
    this.#server.onEnd(this)
  }
}
