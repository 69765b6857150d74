/** OpenSockets: the sockets and servers of this process on a host. */
import { once } from 'node:events'

interface Closable extends NodeJS.EventEmitter {
  /** For a socket of TCP: whether it has emitted `close`. */
  readonly closed?: boolean
  close?(): unknown
  destroy?(): unknown
}

/** The sockets and servers that a host closes at its end. */
export class OpenSockets {
  readonly #sockets = new Set<Closable>()

  get isEmpty(): boolean {
    return this.#sockets.size === 0
  }

  /** Adds a socket that is open, or about to be. It is forgotten when it closes. */
  add(socket: Closable): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Adds a server with the connections that it accepts. */
  addServer(server: Closable): void {
    this.add(server)
    const accepted = (socket: Closable) => this.add(socket)
    server.on('connection', accepted)
    server.once('close', () => server.removeListener('connection', accepted))
  }

  /** Forgets all sockets, which will never report a close. */
  forget(): void {
    this.#sockets.clear()
  }

  /** Closes all, and settles when they are. */
  async close(): Promise<void> {
    // A program that removes all listeners of a socket removes the listener of `add`, too.
    const open = [...this.#sockets].filter(socket => socket.closed !== true)
    const closed = open.map(socket => once(socket, 'close'))
    // Errors of a discarded socket do not matter.
    const settled = Promise.allSettled(closed)
    for (const socket of open) {
      try {
        if (socket.destroy !== undefined) socket.destroy()
        else socket.close?.()
      } catch {
        // It was not opened, or is closed already, and reports no close.
        socket.emit('close')
      }
    }
    await settled
  }
}
