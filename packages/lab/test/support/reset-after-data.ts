/** A server that sends 20 bytes, a fault in its reply, and what a client in Node sees of it. */
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { explore, type Lab } from '../../src/index.ts'
import type { WorldName } from '../../src/world/world.ts'

interface Seen {
  readonly bytes: number
  readonly events: readonly string[]
}

type Serve = (socket: Socket) => void
type Ask = (socket: Socket, lab: Lab) => unknown

/** Sends 20 bytes, and resets the connection in the same moment. */
export const resetting: Serve = socket => {
  socket.write(Buffer.alloc(20))
  socket.resetAndDestroy()
}

/** Sends 20 bytes, and leaves the connection open. */
export const sending: Serve = socket => socket.on('error', () => {}).write(Buffer.alloc(20))

/** Counts bytes as they arrive, and returns when the socket is closed. */
async function seenBy(socket: Socket): Promise<Seen> {
  const events: string[] = []
  let bytes = 0
  socket.on('data', data => {
    bytes += data.length
  })
  socket.on('end', () => events.push('end'))
  socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? 'error'))
  socket.resume()
  await new Promise(resolve => socket.once('close', resolve))
  return { bytes, events }
}

interface Options {
  readonly wire?: string
  /** Uses the socket of the client before it reads. */
  readonly ask?: Ask
}

/**
 * Returns what a client sees in a lab. The server serves it when it is connected: a reset that
 * arrives before libuv asks for the result of connect() would be the result, without the data.
 */
export async function seenIn(
  lab: Lab,
  serve: Serve,
  { wire = '', ask = () => {} }: Options = {},
): Promise<Seen> {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire })
  const accepting = net.createServer(async accepted => {
    await connected
    serve(accepted)
  })
  await server.listen(accepting, 80)
  // Node stops reading when as many bytes wait for a listener.
  const options = { port: 80, host: 'server', highWaterMark: 5 }
  const socket = client.run(() => net.connect(options))
  const connected = once(socket, 'connect')
  await ask(socket, lab)
  return await seenBy(socket)
}

/** Returns what a client sees with a fault of the reply, such as `reset byte 10`. */
export async function seenWith(
  fault: string,
  serve: Serve,
  { world = 'memory', ...options }: Options & { readonly world?: WorldName } = {},
): Promise<Seen | undefined> {
  let result: Seen | undefined
  const scenario = async ({ lab }: { readonly lab: Lab }) => {
    result = await seenIn(lab, serve, options)
  }
  const [verb, ...place] = fault.split(' ')
  const planned = `${verb} client-server ba tcp server:80 > client:* ${place.join(' ')}`
  await explore.repeat(scenario, [planned], { world, timeout: '60s' })
  return result
}
