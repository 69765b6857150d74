/** TcpPort: the server's end of a proxy's connections over the link. */
import net, { type Socket } from 'node:net'

/**
 * Milliseconds that a connected socket waits for the accepted one. The kernel accepts none after
 * about a minute of lost packets, of which the connected end learns nothing.
 */
const HANDSHAKE_MS = 120_000

/** A TCP port of the server, which finds the two ends of each connection over the link. */
export class TcpPort extends net.Server {
  /** The numbers of the connections that are being made, the oldest first. */
  readonly #made = new Set<number>()
  #last = 0
  /** Accepted sockets that wait for their other end, by its port. */
  readonly #arrived = new Map<number, { readonly socket: Socket; readonly after: number }>()
  readonly #expected = new Map<number, (socket: Socket) => void>()
  /** The sockets that wait for the accepted one. */
  readonly #waiting = new Set<Socket>()

  constructor() {
    super({ pauseOnConnect: true }, socket =>
      this.#arrive(socket.on('error', () => socket.destroy())),
    )
    this.on('error', () => {})
  }

  /** Returns both ends of a connection that `connect` makes. */
  async join(connect: () => Promise<Socket>): Promise<readonly [near: Socket, far: Socket]> {
    const number = ++this.#last
    this.#made.add(number)
    try {
      const near = await connect()
      // It has no bytes to lose before the other end is handed over, and would not see its own end.
      near.on('error', () => near.destroy()).resume()
      const far = await this.#otherEnd(near)
      if (far === undefined) throw new Error('the connection over the link has ended')
      return [near, far]
    } finally {
      this.#made.delete(number)
      this.#discard()
    }
  }

  /** Stops to listen. Connections that have not crossed fail. */
  end(): void {
    this.close()
    for (const near of this.#waiting) {
      near.destroy()
    }
  }

  /** Waits for the accepted socket, or the end of `near`. */
  async #otherEnd(near: Socket): Promise<Socket | undefined> {
    const port = near.localPort
    // Undefined after its end.
    if (port === undefined) return undefined
    const arrived = this.#arrived.get(port)
    this.#arrived.delete(port)
    if (arrived !== undefined) return arrived.socket
    const timer = setTimeout(() => near.destroy(), HANDSHAKE_MS).unref()
    this.#waiting.add(near)
    const far = await new Promise<Socket | undefined>(resolve => {
      this.#expected.set(port, resolve)
      near.once('close', () => {
        // Another connection may have the port already.
        if (this.#expected.get(port) === resolve) {
          this.#expected.delete(port)
        }
        resolve(undefined)
      })
      if (!this.listening) {
        near.destroy()
      }
    })
    this.#waiting.delete(near)
    clearTimeout(timer)
    return far
  }

  #arrive(socket: Socket): void {
    // Undefined after a reset.
    const port = socket.remotePort
    if (port === undefined) {
      socket.destroy()
      return
    }
    const take = this.#expected.get(port)
    this.#expected.delete(port)
    if (take !== undefined) {
      take(socket)
      return
    }
    this.#arrived.get(port)?.socket.destroy()
    this.#arrived.set(port, { socket, after: this.#last })
    this.#discard()
  }

  /** Destroys sockets that are older than each connection that is being made: their ends closed. */
  #discard(): void {
    const [oldest = Number.POSITIVE_INFINITY] = this.#made
    for (const [port, { socket, after }] of this.#arrived) {
      if (after >= oldest) continue
      this.#arrived.delete(port)
      socket.destroy()
    }
  }
}
