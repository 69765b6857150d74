/** A listening port, and its connections that are not accepted yet. */
import type { Bound, Endpoint, TcpConnection, TcpListener } from './contract.ts'
import type { Connection } from './tcp-connection.ts'

/** somaxconn of Linux. */
const MAX_BACKLOG = 4096

export class Listener implements TcpListener {
  readonly local: Endpoint
  readonly bound: Bound
  readonly accept: (connection: TcpConnection) => void
  /** Connections in a handshake or after it, until they are accepted. */
  readonly waiting = new Set<Connection>()
  readonly #backlog: number
  readonly #onClose: (listener: Listener) => void

  constructor(
    local: Endpoint,
    bound: Bound,
    backlog: number,
    accept: (connection: TcpConnection) => void,
    onClose: (listener: Listener) => void,
  ) {
    this.local = local
    this.bound = bound
    this.accept = accept
    this.#backlog = Math.min(Math.max(backlog, 1), MAX_BACKLOG)
    this.#onClose = onClose
  }

  get isFull(): boolean {
    return this.waiting.size > this.#backlog
  }

  close(): void {
    this.#onClose(this)
    for (const connection of this.waiting) {
      if (connection.state === 'SYN-RECV') connection.end()
      else connection.reset()
    }
    this.waiting.clear()
  }
}
