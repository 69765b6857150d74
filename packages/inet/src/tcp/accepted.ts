/**
 * The connections that others have opened to a host, which must not fill its memory. Those in
 * TIME-WAIT hold little and end by themselves: the oldest of them leaves for a new one.
 */
import type { Connection } from './connection.ts'
import type { TcpOptions } from './host.ts'

/**
 * The counts of one host. A connection is added after its SYN is accepted, and deleted at its end.
 */
export class Accepted {
  readonly #options: Pick<TcpOptions, 'acceptedMax' | 'acceptedOfPeerMax'>
  readonly #open = new Set<Connection>()
  readonly #ofPeers = new Map<string, number>()
  readonly #timeWait = new Set<Connection>()

  constructor(options: Pick<TcpOptions, 'acceptedMax' | 'acceptedOfPeerMax'>) {
    this.#options = options
  }

  /** Whether the host takes no other connection of this address now. */
  isFull(peer: Uint8Array): boolean {
    const { acceptedMax, acceptedOfPeerMax } = this.#options
    return (
      this.#open.size >= acceptedMax || (this.#ofPeers.get(nameOf(peer)) ?? 0) >= acceptedOfPeerMax
    )
  }

  add(connection: Connection): void {
    const peer = nameOf(connection.remote.address)
    this.#open.add(connection)
    this.#ofPeers.set(peer, (this.#ofPeers.get(peer) ?? 0) + 1)
  }

  /** The connection is in TIME-WAIT. Does nothing for one that the host has opened. */
  wait(connection: Connection): void {
    if (!this.#forget(connection)) return
    this.#timeWait.add(connection)
    const [oldest] = this.#timeWait
    if (this.#timeWait.size > this.#options.acceptedMax) {
      oldest?.end()
    }
  }

  delete(connection: Connection): void {
    if (!this.#timeWait.delete(connection)) {
      this.#forget(connection)
    }
  }

  #forget(connection: Connection): boolean {
    if (!this.#open.delete(connection)) return false
    const peer = nameOf(connection.remote.address)
    const left = (this.#ofPeers.get(peer) ?? 1) - 1
    if (left === 0) {
      this.#ofPeers.delete(peer)
    } else {
      this.#ofPeers.set(peer, left)
    }
    return true
  }
}

const nameOf = (address: Uint8Array): string => String.fromCharCode(...address)
