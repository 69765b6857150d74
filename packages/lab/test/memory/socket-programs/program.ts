/** Programs that write down the events of their sockets, each end in a list of its own. */
import { once } from 'node:events'
import net from 'node:net'
import type { World } from '../socket-worlds.ts'

/** Adds a line to the list of an end. */
export type Note = (end: string, line: string) => void

export type Program = (world: World, note: Note, pem: string) => Promise<unknown>

const EVENTS = [
  'connect',
  'ready',
  'secureConnect',
  'data',
  'end',
  'finish',
  'drain',
  'timeout',
  'error',
  'close',
]

export const errorText = ({ message, code, errno, syscall }: NodeJS.ErrnoException) =>
  `${message} ${code} ${errno} ${syscall}`

/** Notes the events of a socket. */
export function watch(note: Note, end: string, socket: NodeJS.EventEmitter): void {
  for (const event of EVENTS) {
    socket.on(event, (value: unknown) => {
      if (value instanceof Error) {
        note(end, `${event}: ${errorText(value)}`)
      } else {
        note(end, value === undefined ? event : `${event}: ${value}`)
      }
    })
  }
}

/** Returns a server that notes the events of its sockets and calls `serve` with each socket. */
export function watched(
  note: Note,
  serve: (socket: net.Socket) => void,
  options: net.ServerOpts = {},
): net.Server {
  const server = net.createServer(options, socket => {
    watch(note, 'server', socket)
    serve(socket)
  })
  server.on('close', () => note('server', 'server closed'))
  return server
}

export function client(
  world: World,
  note: Note,
  port: number,
  options?: net.SocketConstructorOpts,
): net.Socket {
  const socket = world.connect(port, options)
  watch(note, 'client', socket)
  return socket
}

/** Unlike events.once(), it ignores errors. */
export const closed = (socket: NodeJS.EventEmitter) =>
  new Promise(resolve => socket.once('close', resolve))

/** Closes a server and waits for its end. */
export async function ended(server: net.Server): Promise<void> {
  server.close()
  await closed(server)
}

export async function serverSocket(server: net.Server): Promise<net.Socket> {
  const [socket] = await once(server, 'connection')
  return socket
}

/** Returns what a stream emits before its end, for a program that waits for each event. */
export async function eachAwaited(stream: NodeJS.EventEmitter): Promise<string> {
  const ended = once(stream, 'end')
  let received = ''
  for (;;) {
    const [chunk] = await Promise.race([once(stream, 'data'), ended])
    if (chunk === undefined) return received
    received += chunk
  }
}

/**
 * Runs `use` with a client of `serve`, until both ends and the server are closed. `use` awaits
 * `accepted` where its order of events would otherwise depend on how busy the machine is.
 */
export function pair(
  serve: (socket: net.Socket, note: Note) => void,
  use: (socket: net.Socket, note: Note, accepted: Promise<net.Socket>) => void,
  {
    server: serverOptions,
    client: clientOptions,
  }: { server?: net.ServerOpts; client?: net.SocketConstructorOpts } = {},
): Program {
  return async (world, note) => {
    const server = watched(note, socket => serve(socket, note), serverOptions)
    const port = await world.listen(server)
    const accepted = serverSocket(server)
    const socket = client(world, note, port, clientOptions)
    use(socket, note, accepted)
    await Promise.all([closed(socket), accepted.then(other => other.closed || closed(other))])
    await ended(server)
  }
}

export const state = ({
  readyState,
  pending,
  connecting,
  destroyed,
  bytesRead,
  bytesWritten,
  bufferSize,
}: net.Socket) =>
  JSON.stringify({
    readyState,
    pending,
    connecting,
    destroyed,
    bytesRead,
    bytesWritten,
    bufferSize,
  })
