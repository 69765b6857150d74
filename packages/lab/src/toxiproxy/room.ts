/** Room: the descriptors that proxies, connections and UDP sessions may have together. */
import { readFileSync } from 'node:fs'
import { attempt } from 'vnet'

/** Descriptors for everything else: the API, its clients, the link. */
const FILES_LEFT = 400
/** Bytes of datagrams that wait for their sessions. */
const WAITING_MAX = 16 * 1024 * 1024
/** Where nothing says how many descriptors there may be. */
const UNLIMITED = 2 ** 20

/** Linux only. The process of the lab has the same limit. */
const limits = () => readFileSync('/proc/self/limits', 'latin1')

/** Returns the descriptors that this process may have. */
export const filesMax = (): number =>
  Number(/^Max open files +(\d+)/m.exec(attempt(limits) ?? '')?.[1] ?? UNLIMITED)

/** A session's two sockets, in this process or still to come from the lab's process. */
export const SESSION_DESCRIPTORS = 2

/** A UDP session. */
interface Session {
  /** Frees its descriptors immediately. */
  end(): void
}

export class Room {
  /** Descriptors. */
  readonly #max: number
  #taken = 0
  #waiting = 0
  /** The sessions of all proxies, in the order of their last datagrams. */
  readonly #sessions = new Set<Session>()

  /** `files` is the limit of the process. */
  constructor(files = filesMax()) {
    this.#max = Math.max(0, files - FILES_LEFT)
  }

  get sessions(): number {
    return this.#sessions.size
  }

  /**
   * Takes descriptors, for which the oldest sessions end. Returns false if there are too few even
   * without sessions, which then remain.
   */
  take(count: number): boolean {
    if (this.roomFor(count) === 0) return false
    for (const oldest of this.#sessions) {
      if (this.#taken + count <= this.#max) break
      oldest.end()
    }
    this.#taken += count
    return true
  }

  /** Returns how many things of so many descriptors each there is room for. */
  roomFor(count: number): number {
    const evictable = SESSION_DESCRIPTORS * this.#sessions.size
    return Math.max(0, Math.floor((this.#max - this.#taken + evictable) / count))
  }

  free(count: number): void {
    this.#taken -= count
  }

  /** Adds a session that has its descriptors, or notes that it carries a datagram. */
  refresh(session: Session): void {
    this.#sessions.delete(session)
    this.#sessions.add(session)
  }

  delete(session: Session): void {
    this.#sessions.delete(session)
  }

  /** Returns whether there is memory for a datagram. `release` gives it back. */
  hold(bytes: number): boolean {
    if (this.#waiting + bytes > WAITING_MAX) return false
    this.#waiting += bytes
    return true
  }

  release(bytes: number): void {
    this.#waiting -= bytes
  }
}
