/** OpenSockets: the sockets and servers that a namespace closes at its end. */
import { once } from 'node:events'

/** A socket, or a server. */
interface Closable extends NodeJS.EventEmitter {
  close?(): unknown
  destroy?(): unknown
}

export class OpenSockets {
  readonly #sockets = new Set<Closable>()

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

  /** Closes all, and settles when they are. */
  async close(): Promise<void> {
    const closed = [...this.#sockets].map(socket => once(socket, 'close'))
    // Errors of a discarded socket do not matter.
    const settled = Promise.allSettled(closed)
    for (const socket of this.#sockets) {
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
