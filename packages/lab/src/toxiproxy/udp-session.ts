/** UdpSession: the datagrams of one client, over the link and to upstream, and back. */
import dgram from 'node:dgram'
import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import type { LinkAddress } from './lab-process.ts'
import { type Room, SESSION_DESCRIPTORS } from './room.ts'

/** Milliseconds of silence that end a session. */
const SILENCE_MS = 60_000
/** Milliseconds for which a failed session remains: the datagrams of its client are lost. */
const FAILED_MS = 1000
/** Proxies that a datagram passes. One in a loop of proxies would otherwise never end. */
const HOPS_MAX = 16
/** Datagrams that wait for a session to be made; further ones are lost. */
const WAITING_MAX = 64

/** The part of its relay that a session needs, shared by all sessions of the relay. */
export interface UdpPlace {
  readonly at: LinkAddress
  /** The server's end of the link, for all sessions. */
  readonly far: dgram.Socket
  readonly room: Room
  /** How many proxies a datagram has passed, by the port from which the last one sends it. */
  readonly hops: Map<number, number>
  /** The sockets to upstream, by the ports of clients on the link. */
  readonly outs: Map<number, dgram.Socket>
  /** Returns a socket at an end of the link. */
  bind(isServer: boolean): Promise<dgram.Socket>
  /** Looks up upstream. */
  upstream(): Promise<LookupAddress & { readonly port: number }>
}

export class UdpSession {
  readonly #place: UdpPlace
  readonly #hop: number
  readonly #reply: (bytes: Buffer) => void
  readonly #onEnd: () => void
  readonly #over = new AbortController()
  readonly #sockets: dgram.Socket[] = []
  readonly #waiting: Buffer[] = []
  /** Sends to upstream over the link; undefined until the session is made. */
  #send: ((bytes: Buffer) => void) | undefined
  #hasFailed = false
  #timer = setTimeout(() => this.end(), SILENCE_MS).unref()

  /** `reply` sends to the client, at `clientPort`. `onEnd` is called once. */
  constructor(
    place: UdpPlace,
    clientPort: number,
    reply: (bytes: Buffer) => void,
    onEnd: () => void,
  ) {
    this.#place = place
    this.#hop = 1 + (place.hops.get(clientPort) ?? 0)
    this.#reply = reply
    this.#onEnd = onEnd
    this.#open().catch(() => this.#fail())
  }

  /** Sends a datagram of the client. */
  receive(bytes: Buffer): void {
    if (this.#hasFailed) return
    if (this.#send !== undefined) {
      this.#refresh()
      this.#send(bytes)
    } else if (this.#waiting.length < WAITING_MAX && this.#place.room.hold(bytes.length)) {
      this.#waiting.push(bytes)
    }
  }

  /** Closes its sockets. Idempotent. */
  end(): void {
    if (this.#over.signal.aborted) return
    this.#over.abort()
    clearTimeout(this.#timer)
    this.#close()
    this.#onEnd()
  }

  async #open(): Promise<void> {
    const { room, upstream } = this.#place
    if (this.#hop > HOPS_MAX) throw new Error('the datagram has passed too many proxies')
    const to = await upstream()
    this.#over.signal.throwIfAborted()
    if (!room.take(SESSION_DESCRIPTORS)) throw new Error('no descriptor is left')
    try {
      await this.#connect(to)
    } catch (error) {
      room.free(SESSION_DESCRIPTORS)
      throw error
    }
  }

  async #connect({
    address,
    family,
    port,
  }: LookupAddress & { readonly port: number }): Promise<void> {
    const { at, far, outs, hops, bind } = this.#place
    const near = this.#keep(await bind(false))
    const out = this.#keep(dgram.createSocket(family === 6 ? 'udp6' : 'udp4'))
    const { port: nearPort, address: nearAddress } = near.address()
    out.connect(port, address)
    await once(out, 'connect', { signal: this.#over.signal })
    this.#over.signal.throwIfAborted()
    outs.set(nearPort, out)
    const { port: outPort } = out.address()
    hops.set(outPort, this.#hop)
    out.once('close', () => {
      outs.delete(nearPort)
      hops.delete(outPort)
    })
    out.on('message', bytes => {
      this.#refresh()
      far.send(bytes, nearPort, nearAddress)
    })
    near.on('message', this.#reply)
    this.#send = bytes => near.send(bytes, at.port, at.address)
    this.#refresh()
    for (const bytes of this.#taken()) {
      this.#send(bytes)
    }
  }

  /** Owns a socket from its first moment. Throws if the session is over. */
  #keep(socket: dgram.Socket): dgram.Socket {
    this.#sockets.push(socket.on('error', () => {}))
    if (this.#over.signal.aborted) {
      this.#close()
    }
    this.#over.signal.throwIfAborted()
    return socket
  }

  #refresh(): void {
    this.#timer.refresh()
    this.#place.room.refresh(this)
  }

  #fail(): void {
    this.#close()
    if (this.#over.signal.aborted) return
    this.#hasFailed = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end(), FAILED_MS).unref()
  }

  #close(): void {
    this.#taken()
    for (const socket of this.#sockets.splice(0)) {
      socket.close()
    }
    if (this.#send === undefined) return
    this.#send = undefined
    this.#place.room.delete(this)
    this.#place.room.free(SESSION_DESCRIPTORS)
  }

  /** Removes and returns the datagrams that wait. */
  #taken(): readonly Buffer[] {
    const all = this.#waiting.splice(0)
    this.#place.room.release(all.reduce((sum, { length }) => sum + length, 0))
    return all
  }
}
