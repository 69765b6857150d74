/**
 * The replies of a TCP service, in the time that Turns grants to work without rights. All sockets
 * are one share: a client may have any number of addresses, and other work must have its turn.
 */
import type { Socket } from 'node:net'
import { Transform } from 'node:stream'
import type { Turns, Work } from 'vnet/internal/base/turns'

/** A reply that must wait for longer than the next turn. */
export const LATER = undefined
/** Milliseconds until a LATER reply is tried again. */
const LATER_MS = 100

export type TimeForWork = Pick<Turns, 'add' | 'delete'>

type Reply = (chunk: Buffer) => Iterable<Buffer | typeof LATER>

class Paced extends Transform implements Work {
  readonly privileged = false
  readonly share = 'tcp'
  readonly #turns: TimeForWork
  readonly #reply: Reply
  #replies: Iterator<Buffer | typeof LATER> | undefined
  #timer: NodeJS.Timeout | undefined
  #done: (() => void) | undefined

  constructor(turns: TimeForWork, reply: Reply) {
    super()
    this.#turns = turns
    this.#reply = reply
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.#replies = this.#reply(chunk)[Symbol.iterator]()
    this.#done = done
    this.#turns.add(this)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#turns.delete(this)
    super._destroy(error, done)
  }

  step(): boolean {
    if (this.#replies === undefined) return false
    const { done, value } = this.#replies.next()
    if (done !== true) {
      if (value === LATER) {
        this.#timer = setTimeout(() => this.#turns.add(this), LATER_MS).unref()
        return false
      }
      if (value.length > 0) this.push(value)
      return true
    }
    const finish = this.#done
    this.#replies = undefined
    this.#done = undefined
    finish?.()
    // The next chunk may have arrived meanwhile.
    return this.#replies !== undefined
  }

  wait(): void {}
}

/**
 * Replies to what arrives on a socket. `reply` yields the replies to a chunk, one a step; an empty
 * one is not sent. After LATER, the next is requested some time later.
 */
export function replyPaced(socket: Socket, turns: TimeForWork, reply: Reply): Socket {
  const paced = new Paced(turns, reply)
  socket.on('close', () => paced.destroy())
  return socket.pipe(paced).pipe(socket)
}
