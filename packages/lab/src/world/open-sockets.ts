/** OpenSockets: the sockets and servers of this process on a host. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { ENETDOWN, VnetError } from 'vnet'

/** A socket or a server of Node, as far as closing it needs. */
export interface Closable extends NodeJS.EventEmitter {
  /** For a socket of TCP: whether it has emitted `close`. */
  readonly closed?: boolean
  /** For a server of TCP: whether it accepts connections. */
  readonly listening?: boolean
  /** For a server: where it listens. */
  address?(): unknown
  close?(): unknown
  destroy?(): unknown
}

/** The sockets and servers that a host closes at its end. */
export class OpenSockets {
  /** Returns what each is, such as `server on port 80`. */
  readonly #sockets = new Map<Closable, () => string>()

  get names(): readonly string[] {
    return [...this.#sockets].filter(([socket]) => isOpen(socket)).map(([, name]) => name())
  }

  /** Adds a socket that is open, or about to be. It is forgotten when it closes. */
  add(socket: Closable, name: () => string): void {
    this.#sockets.set(socket, name)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Adds a server with the connections that it accepts. */
  addServer(server: Closable): void {
    let port: number | undefined
    const name = () => {
      port = (server.address?.() as AddressInfo | null | undefined)?.port ?? port
      return `server on port ${port}`
    }
    this.add(server, name)
    const accepted = (socket: Closable) => this.add(socket, () => `connection of the ${name()}`)
    server.on('connection', accepted)
    server.once('close', () => server.removeListener('connection', accepted))
  }

  /** Forgets all sockets, which will never report a close. */
  forget(): void {
    this.#sockets.clear()
  }

  /** Closes all, and settles when they are. */
  async close(): Promise<void> {
    const open = [...this.#sockets.keys()].filter(socket => socket.closed !== true)
    // Again, because a program that removes all listeners of a socket removes that of `add`, too.
    const closed = open.map(socket =>
      once(socket, 'close').then(() => this.#sockets.delete(socket)),
    )
    // Errors of a discarded socket do not matter.
    const settled = Promise.allSettled(closed)
    for (const socket of open) {
      // Timers of packages may send later. Node would throw then.
      if ((socket as object) instanceof dgram.Socket) {
        Object.assign(socket, { send: callBack })
      }
      try {
        if (socket.destroy !== undefined) {
          socket.destroy()
        } else {
          socket.close?.()
        }
      } catch {
        // It was not opened, or is closed already, and reports no close.
        socket.emit('close')
      }
    }
    await settled
  }
}

function callBack(...args: readonly unknown[]): void {
  const [done, error] = [args.at(-1), new VnetError(ENETDOWN, 'send', 'the lab has ended')]
  if (typeof done === 'function') {
    process.nextTick(done as (error: Error) => void, error)
  }
}

/** A program that removes all listeners of a socket removes the listener of `add`, too. */
const isOpen = ({ closed, listening }: Closable): boolean => closed !== true && listening !== false
