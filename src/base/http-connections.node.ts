/** HTTP servers that every local user can reach: no client holds their connections for long. */
import type { Server } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { hostName } from './own-request.ts'

/** Connections at one time. Node refuses further ones, so `Connections` makes room before. */
export const CONNECTIONS_MAX = 256

/** The open connections of a server. The first in their order leave when there are too many. */
export class Connections {
  readonly #order = new Set<Socket>()

  /** `max` is below CONNECTIONS_MAX, and does not count kept connections. */
  constructor(server: Server, max: number) {
    server.maxConnections = CONNECTIONS_MAX
    server.on('connection', socket => {
      this.#order.add(socket)
      socket.once('close', () => this.#order.delete(socket))
      const [first] = this.#order
      if (this.#order.size > max) {
        first?.destroy()
      }
    })
  }

  /** A connection that need not leave. */
  keep(socket: Socket): void {
    this.#order.delete(socket)
  }

  /** Moves a connection that may have to leave to the end of their order. */
  refresh(socket: Socket): void {
    if (this.#order.delete(socket)) {
      this.#order.add(socket)
    }
  }
}

/** True if no web page of a stranger can have chosen this Host: DNS does not lead to it. */
export function isAddressOrLocalhost(header: string | undefined): boolean {
  const name = hostName(header).toLowerCase()
  return name === 'localhost' || isIP(name) !== 0
}
