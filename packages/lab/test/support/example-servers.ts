/** A server of examples/servers and its client, on two hosts of a lab in memory. */
import { once } from 'node:events'
import net from 'node:net'
import { memoryLabs } from './memory-lab.ts'

type Serve = (port: number) => net.Server

/** Sends a text and a FIN. Returns all that the server sends, both in latin1. */
export async function exchange(socket: net.Socket, sent: string): Promise<string> {
  let replies = ''
  socket.setEncoding('latin1').on('data', data => {
    replies += data
  })
  socket.end(sent, 'latin1')
  await once(socket, 'end')
  return replies
}

/** Call it once in a test file. */
export function exampleServers() {
  const { made } = memoryLabs()

  /** Starts a server. Returns a function that connects to it, by IPv4. */
  async function start(serve: Serve, port: number) {
    const lab = await made()
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await server.run(() => serve(port))
    const address = server.addresses.find(net.isIPv4)
    return (to = port) => client.connect(to, address!)
  }

  /** Returns all that a server sends to a client that sends a text and a FIN, both in latin1. */
  async function repliesTo(serve: Serve, sent: string): Promise<string> {
    const connect = await start(serve, 7)
    return exchange(await connect(), sent)
  }
  return { start, repliesTo }
}

/** Returns lines, each with CR and LF. */
export const lines = (...all: readonly string[]) => all.map(line => `${line}\r\n`).join('')

/** Integers of 2 and of 4 bytes, the highest first, as text in latin1. */
export const int16 = (n: number) => String.fromCharCode((n >> 8) & 255, n & 255)
export const int32 = (n: number) => int16(n >>> 16) + int16(n)
