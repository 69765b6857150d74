/** Requests and replies of UDP, repeated until they arrive, with a checksum of their own. */
import type { Socket } from 'node:dgram'
import { crc32 } from 'node:zlib'
import type { Lab } from '../../src/index.ts'
import { every, hosts, PORT, within } from './subject.ts'

export interface Message {
  readonly type: string
  /** The same in a request and its reply. */
  readonly id?: number | undefined
  readonly [field: string]: string | number | boolean | undefined
}

/** Milliseconds of `every` between two transmissions: more than a round trip takes. */
export const INTERVAL = 200

const CRC = 4

export function seal(content: Uint8Array): Buffer {
  const sealed = Buffer.alloc(CRC + content.length)
  sealed.writeUInt32BE(crc32(content))
  sealed.set(content, CRC)
  return sealed
}

/** Returns the content of a datagram, or undefined if it is damaged. */
export function unseal(datagram: Buffer): Buffer | undefined {
  const content = datagram.subarray(CRC)
  return datagram.length >= CRC && datagram.readUInt32BE() === crc32(content) ? content : undefined
}

/** Sends a message, by default to the server. */
export function send(socket: Socket, message: Message, port = PORT, address = 'server'): void {
  // An error means that a damaged packet had a source that cannot be reached.
  socket.send(seal(Buffer.from(JSON.stringify(message))), port, address, () => {})
}

/** Calls `receive` for each undamaged message. Returns a function that ends this. */
export function onMessages(
  socket: Socket,
  receive: (message: Message, from: { readonly port: number; readonly address: string }) => unknown,
): () => void {
  const listener = (datagram: Buffer, from: { port: number; address: string }) => {
    const content = unseal(datagram)
    if (content !== undefined) {
      receive(JSON.parse(String(content)), from)
    }
  }
  socket.on('message', listener)
  return () => socket.off('message', listener)
}

/** Replies to each request with the result of `answer`, if it has one. */
export function serve(socket: Socket, answer: (request: Message) => Message | undefined): void {
  onMessages(socket, (request, { port, address }) => {
    const reply = answer(request)
    if (reply !== undefined) {
      send(socket, { ...reply, id: request.id, request: request.type }, port, address)
    }
  })
}

/** Calls `transmit` now and every INTERVAL until disposed of. */
export function repeat(socket: Socket, transmit: () => void): Disposable {
  const stop = every(INTERVAL, transmit)
  socket.once('close', stop)
  transmit()
  return {
    [Symbol.dispose]() {
      socket.off('close', stop)
      stop()
    },
  }
}

/** Sends a request until its reply arrives, by default to the server. */
export async function ask(
  socket: Socket,
  request: Message,
  port?: number,
  address?: string,
): Promise<Message> {
  let resolve: (reply: Message) => void
  const reply = new Promise<Message>(settle => {
    resolve = settle
  })
  const end = onMessages(socket, message => {
    if (message.id === request.id && message.request === request.type) {
      resolve(message)
    }
  })
  using _ = repeat(socket, () => send(socket, request, port, address))
  try {
    return await within(reply, `the client has no reply to ${JSON.stringify(request)}`)
  } finally {
    end()
  }
}

/** Makes hosts, and a UDP socket of each. */
export async function sockets(
  lab: Lab,
  wire?: string,
): Promise<{ client: Socket; server: Socket }> {
  const { client, server } = await hosts(lab, wire)
  return {
    client: await client.createSocket('udp4'),
    server: await server.createSocket('udp4', PORT),
  }
}
