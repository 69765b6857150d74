/** UdpRelay: a proxy of UDP. Each client has a session of its own over the link and to upstream. */
import dgram from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import type { LinkAddress } from './lab-process.ts'

/** Milliseconds of silence that end a session. */
const SILENCE_MS = 60_000
const SESSIONS_MAX = 1000
/** Datagrams that wait for a session to be made; further ones are lost. */
const WAITING_MAX = 64

interface Session {
  /** Settles with a function that sends to upstream over the link. */
  readonly ready: Promise<(bytes: Buffer) => void>
  readonly sockets: dgram.Socket[]
  readonly timer: NodeJS.Timeout
  waiting: number
}

export interface UdpPlace {
  readonly upstream: Readonly<{ host: string; port: number }>
  readonly at: LinkAddress
  /** The server's end of the link, for all sessions. */
  readonly far: dgram.Socket
  /** Returns a socket at an end of the link. */
  bind(isServer: boolean): Promise<dgram.Socket>
}

export class UdpRelay {
  readonly #socket: dgram.Socket
  readonly #place: UdpPlace
  /** Those that were silent longest come first. */
  readonly #sessions = new Map<string, Session>()
  /** The sockets to upstream, by the ports of clients on the link. */
  readonly #outs = new Map<number, dgram.Socket>()

  constructor(socket: dgram.Socket, place: UdpPlace) {
    this.#socket = socket
    this.#place = place
    socket.on('error', () => {}).on('message', (bytes, { address, port }) => this.#receive(bytes, address, port))
    place.far.on('error', () => {}).on('message', (bytes, { port }) => this.#outs.get(port)?.send(bytes))
  }

  close(): void {
    this.#socket.close()
    this.#place.far.close()
    for (const key of this.#sessions.keys()) this.#end(key)
  }

  #receive(bytes: Buffer, address: string, port: number): void {
    const key = `${address} ${port}`
    const session = this.#sessions.get(key) ?? this.#open(key, address, port)
    this.#sessions.delete(key)
    this.#sessions.set(key, session)
    session.timer.refresh()
    if (session.waiting++ >= WAITING_MAX) return void session.waiting--
    const isCurrent = () => this.#sessions.get(key) === session
    session.ready.then(
      send => {
        session.waiting--
        if (isCurrent()) send(bytes)
      },
      () => isCurrent() && this.#end(key),
    )
  }

  #open(key: string, address: string, port: number): Session {
    const [oldest = ''] = this.#sessions.keys()
    if (this.#sessions.size >= SESSIONS_MAX) this.#end(oldest)
    const { at, upstream, far, bind } = this.#place
    const sockets: dgram.Socket[] = []
    const timer = setTimeout(() => this.#end(key), SILENCE_MS).unref()
    const connect = async () => {
      const near = await bind(false)
      const out = dgram.createSocket(await familyOf(upstream.host))
      sockets.push(near, out)
      for (const socket of sockets) socket.on('error', () => {})
      const { port: nearPort, address: nearAddress } = near.address()
      out.connect(upstream.port, upstream.host)
      await once(out, 'connect')
      if (this.#sessions.get(key) !== session) throw new Error('the session has ended')
      this.#outs.set(nearPort, out)
      out.once('close', () => this.#outs.delete(nearPort))
      out.on('message', bytes => far.send(bytes, nearPort, nearAddress, () => timer.refresh()))
      near.on('message', bytes => this.#socket.send(bytes, port, address))
      return (bytes: Buffer) => near.send(bytes, at.port, at.address)
    }
    const ready = connect()
    ready.catch(() => closeAll(sockets))
    const session: Session = { ready, sockets, timer, waiting: 0 }
    return session
  }

  #end(key: string): void {
    const session = this.#sessions.get(key)
    this.#sessions.delete(key)
    clearTimeout(session?.timer)
    closeAll(session?.sockets ?? [])
  }
}

function closeAll(sockets: dgram.Socket[]): void {
  for (const socket of sockets.splice(0)) socket.close()
}

export const familyOf = async (host: string) => ((await lookup(host)).family === 6 ? 'udp6' : 'udp4')
