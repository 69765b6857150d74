/** UdpRelay: a proxy of UDP. Each client has a session of its own over the link and to upstream. */
import type dgram from 'node:dgram'
import { type UdpPlace, UdpSession } from './udp-session.ts'

const SESSIONS_MAX = 1000

export class UdpRelay {
  readonly #socket: dgram.Socket
  readonly #place: UdpPlace
  /** Those that were silent longest come first. */
  readonly #sessions = new Map<string, UdpSession>()

  constructor(socket: dgram.Socket, place: Omit<UdpPlace, 'outs'>) {
    this.#socket = socket
    const outs = new Map<number, dgram.Socket>()
    this.#place = { ...place, outs }
    socket
      .on('error', () => {})
      .on('message', (bytes, { address, port }) => this.#receive(bytes, address, port))
    place.far.on('error', () => {}).on('message', (bytes, { port }) => outs.get(port)?.send(bytes))
  }

  close(): void {
    this.#socket.close()
    this.#place.far.close()
    for (const session of this.#sessions.values()) {
      session.end()
    }
  }

  #receive(bytes: Buffer, address: string, port: number): void {
    const key = `${address} ${port}`
    const session = this.#sessions.get(key) ?? this.#open(key, address, port)
    this.#sessions.delete(key)
    this.#sessions.set(key, session)
    session.receive(bytes)
  }

  #open(key: string, address: string, port: number): UdpSession {
    const [oldest] = this.#sessions.values()
    if (this.#sessions.size >= SESSIONS_MAX) {
      oldest?.end()
    }
    const reply = (bytes: Buffer) => this.#socket.send(bytes, port, address)
    return new UdpSession(this.#place, port, reply, () => this.#sessions.delete(key))
  }
}
