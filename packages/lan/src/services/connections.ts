/**
 * Connections: limits the open TCP connections to all hosts, to one host and from one client, and
 * the time that they may be silent. A connection over a limit is closed immediately.
 */
import type { Socket } from 'node:net'

/** `idle` is the time in ms without a byte in either direction. */
export const LIMITS = { all: 4096, ofHost: 1024, ofClient: 512, idle: 60_000 }

export class Connections {
  readonly #limits: typeof LIMITS
  readonly #sockets = new Set<Socket>()
  readonly #ofHost = new Map<string, number>()
  readonly #ofClient = new Map<string, number>()

  constructor(limits = LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#sockets.size
  }

  /**
   * Admits a connection from address `client` to address `host`, and closes it once it is idle for
   * too long; its handler may set another time (socket.setTimeout). Above a limit, destroys the
   * connection and returns false.
   */
  admit(socket: Socket, host: string, client: string): boolean {
    // A client may reset its connection.
    socket.on('error', () => socket.destroy())
    const { all, ofHost, ofClient, idle } = this.#limits
    const counts = [[this.#ofHost, host, ofHost] as const, [this.#ofClient, client, ofClient] as const]
    if (this.size >= all || counts.some(([open, key, limit]) => (open.get(key) ?? 0) >= limit)) {
      socket.destroy()
      return false
    }
    this.#sockets.add(socket)
    for (const [open, key] of counts) open.set(key, (open.get(key) ?? 0) + 1)
    socket.setTimeout(idle, () => socket.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      for (const [open, key] of counts) {
        const left = (open.get(key) ?? 0) - 1
        if (left > 0) open.set(key, left)
        else open.delete(key)
      }
    })
    return true
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
