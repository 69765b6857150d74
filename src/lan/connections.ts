/**
 * Connections: how many TCP connections may be open, to all hosts, to one, and from one client, and
 * for how long in silence. What is too much is closed at once.
 */
import type { Socket } from 'node:net'

export interface ConnectionLimits {
  readonly all: number
  readonly ofHost: number
  readonly ofClient: number
  /** Milliseconds in which nothing is received and nothing taken. */
  readonly idle: number
}

export const LIMITS: ConnectionLimits = { all: 4096, ofHost: 1024, ofClient: 512, idle: 60_000 }

export class Connections {
  readonly #limits: ConnectionLimits
  readonly #sockets = new Set<Socket>()
  readonly #ofHost = new Map<string, number>()
  readonly #ofClient = new Map<string, number>()

  constructor(limits: ConnectionLimits = LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#sockets.size
  }

  /**
   * Admits a connection that `client` made to `host`, by their addresses, and ends it when it is
   * idle for too long; its handler may set another time (socket.setTimeout). False when there are
   * too many: then it is destroyed.
   */
  admit(socket: Socket, host: string, client: string): boolean {
    // A connection that is reset is the client's own doing.
    socket.on('error', () => socket.destroy())
    const { all, ofHost, ofClient, idle } = this.#limits
    const counts = [[this.#ofHost, host, ofHost] as const, [this.#ofClient, client, ofClient] as const]
    if (this.size >= all || counts.some(([open, whose, most]) => (open.get(whose) ?? 0) >= most)) {
      socket.destroy()
      return false
    }
    this.#sockets.add(socket)
    for (const [open, whose] of counts) open.set(whose, (open.get(whose) ?? 0) + 1)
    socket.setTimeout(idle, () => socket.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      for (const [open, whose] of counts) {
        const left = (open.get(whose) ?? 0) - 1
        if (left > 0) open.set(whose, left)
        else open.delete(whose)
      }
    })
    return true
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
