/**
 * Turns: the requests of each connection of the API, one after the other. While a reply is unread,
 * nothing more is read of its connection, so all that clients have vnet keep in memory is bounded.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { CONNECTIONS_MAX, Connections } from 'vnet/kit/machine'
import { ApiError } from './body.ts'

const BODY_MAX = 4 * 1024 * 1024
/** Bytes of bodies and replies together; for more, the oldest connections end. */
const HELD_MAX = 64 * 1024 * 1024
/** Requests that were sent before the reply to another one, of all connections together. */
const EARLY_MAX = 4096
/** Milliseconds for which a reply may remain unread. */
const REPLY_MS = 60_000
/** With more connections, the connection that was idle longest leaves. */
const EVICTABLE = CONNECTIONS_MAX - 16

/** Sets the status and the headers of a response, and returns its body. Never rejects. */
type Reply = () => Promise<string>

export class Turns {
  readonly #connections: Connections
  /** The last turn of each connection that has one. */
  readonly #last = new Map<Socket, Promise<void>>()
  /** The bytes that each connection has vnet hold, the longest held first. */
  readonly #held = new Map<Socket, number>()
  #heldBytes = 0
  #early = 0

  constructor(server: Server) {
    this.#connections = new Connections(server, EVICTABLE)
  }

  /** Replies when earlier replies were read. Reads no further request before this reply is read. */
  async take(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
    const { socket } = request
    this.#connections.refresh(socket)
    const before = this.#last.get(socket)
    if (before !== undefined) {
      if (this.#early < EARLY_MAX) {
        socket.pause()
      } else {
        socket.destroy()
      }
    }
    if (socket.destroyed) return
    const turn = this.#after(before, () => this.#run(socket, response, reply))
    this.#last.set(socket, turn)
    await turn
    if (this.#last.get(socket) !== turn) return
    this.#last.delete(socket)
    socket.resume()
  }

  /** Reads a body. Rejects with an ApiError if it is too long. */
  async bodyOf(request: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = []
    let length = 0
    const { socket } = request
    // The connection remains for the reply.
    for await (const chunk of request.iterator({
      destroyOnReturn: false,
    }) as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > BODY_MAX) throw new ApiError(`a body has at most ${BODY_MAX} bytes`, 413)
      this.#hold(socket, chunk.length)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  }

  async #after(before: Promise<void> | undefined, run: () => Promise<void>): Promise<void> {
    if (before !== undefined) {
      this.#early++
      await before
      this.#early--
    }
    await run()
  }

  async #run(socket: Socket, response: ServerResponse, reply: Reply): Promise<void> {
    if (socket.destroyed) return
    const isRead = new Promise<void>(resolve => response.once('close', resolve))
    const text = await reply()
    this.#send(socket, response, text)
    const timer = setTimeout(() => socket.destroy(), REPLY_MS).unref()
    await isRead
    clearTimeout(timer)
    this.#release(socket)
    this.#connections.refresh(socket)
  }

  #send(socket: Socket, response: ServerResponse, text: string): void {
    const bytes = Buffer.from(text)
    socket.pause()
    this.#hold(socket, bytes.length)
    this.#connections.refresh(socket)
    response.end(bytes)
  }

  #hold(socket: Socket, bytes: number): void {
    this.#heldBytes += bytes
    this.#held.set(socket, (this.#held.get(socket) ?? 0) + bytes)
    for (const other of this.#held.keys()) {
      if (this.#heldBytes <= HELD_MAX) break
      if (other === socket) continue
      this.#release(other)
      other.destroy()
    }
  }

  #release(socket: Socket): void {
    this.#heldBytes -= this.#held.get(socket) ?? 0
    this.#held.delete(socket)
  }
}
