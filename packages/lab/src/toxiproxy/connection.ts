/**
 * TcpConnection: a client's connection through a proxy. Over a link it has four sockets: the
 * client's, both ends over the link, and the one to upstream. The last hop of each direction has
 * the stages, so that they act on what the receiver sees.
 */
import net, { type Socket } from 'node:net'
import type { Random } from 'vnet/net'
import { Pump } from './pump.ts'
import type { Ending } from './toxic-kind.ts'
import type { Toxic } from './toxics.ts'

export const STREAMS = ['upstream', 'downstream'] as const

/**
 * The part of its proxy that a connection needs. The connection owns the sockets that `link`
 * returns, and closes them.
 */
export interface ConnectionPlace {
  readonly random: Random
  /** Returns the toxics of a direction that are stages. */
  stages(stream: (typeof STREAMS)[number]): readonly Toxic[]
  /** Connects over the link, if there is one. */
  link?(): Promise<readonly Socket[]>
  /** Called once, when all sockets are closed, also those still to come from the link. */
  onClose(client: Socket, upstream: Socket): void
}

export class TcpConnection {
  readonly #place: ConnectionPlace
  /** All that are open. */
  readonly #sockets = new Set<Socket>()
  /** The last hop of each direction. */
  #last: readonly Pump[] = []
  readonly #client: Socket
  readonly #upstream: Socket
  #isCrossing = false

  /** Connects to upstream, then relays. A failure closes the client's connection. */
  constructor(client: Socket, upstream: net.TcpNetConnectOpts, place: ConnectionPlace) {
    this.#place = place
    this.#client = client
    this.#upstream = net.connect({ ...upstream, allowHalfOpen: true, noDelay: true })
    this.#add(client)
    this.#add(this.#upstream)
    this.#upstream.once('connect', () => {
      this.#isCrossing = true
      const crossed = this.#relay().catch(() => this.close())
      void crossed.then(() => {
        this.#isCrossing = false
        this.#checkEnd()
      })
    })
  }

  sync(changed?: Toxic, isRedrawn = false): void {
    for (const [i, pump] of this.#last.entries()) {
      pump.sync(this.#place.stages(STREAMS[i as 0]), this.#place.random, changed, isRedrawn)
    }
  }

  close(): void {
    this.#end('destroy')
  }

  /** Two sockets of a path have a pump: with a link, the two between are one connection. */
  async #relay(): Promise<void> {
    const ends = (await this.#place.link?.()) ?? []
    const isOver = this.#client.destroyed || this.#upstream.destroyed
    for (const end of ends) {
      isOver ? end.destroy() : this.#add(end.setNoDelay(true))
    }
    if (isOver) return this.close()
    const path = [this.#client, ...ends, this.#upstream]
    this.#last = [path, path.toReversed()].map(sockets => {
      const hops = []
      for (let i = 0; i < sockets.length; i += 2) {
        hops.push(
          new Pump(sockets[i] as Socket, sockets[i + 1] as Socket, (how, to) => this.#end(how, to)),
        )
      }
      return hops.at(-1) as Pump
    })
    this.sync()
  }

  /** A reset of one socket, or its failure, resets the others. */
  #add(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => this.#end(this.#last.length === 0 ? 'destroy' : 'reset'))
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#checkEnd()
    })
  }

  #checkEnd(): void {
    if (this.#sockets.size === 0 && !this.#isCrossing) {
      this.#place.onClose(this.#client, this.#upstream)
    }
  }

  /** Ends all sockets: gracefully for a `receiver`, which gets what was sent to it. */
  #end(how: Ending | 'destroy', receiver?: Socket): void {
    for (const pump of this.#last) {
      pump.close()
    }
    for (const socket of this.#sockets) {
      if (how === 'reset') {
        socket.resetAndDestroy()
      } else if (how === 'close' && socket === receiver) {
        socket.destroySoon()
      } else {
        socket.destroy()
      }
    }
  }
}
