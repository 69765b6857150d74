/** Proxies of `vnet toxiproxy` in this process, with a server that echoes, or another one. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { LabProcess } from '../../src/toxiproxy/lab-process.ts'
import { Proxies } from '../../src/toxiproxy/proxies.ts'
import type { ToxicKind } from '../../src/toxiproxy/toxic-kind.ts'
import { TOXIC_KINDS } from '../../src/toxiproxy/toxic-kinds.ts'

export const HOUR = 3_600_000

/** Adds a kind of toxic until the test ends. */
export function withToxic(kind: ToxicKind): void {
  const kinds = TOXIC_KINDS as Map<string, ToxicKind>
  if (kinds.has(kind.type)) throw new Error(`there is a toxic ${kind.type}`)
  kinds.set(kind.type, kind)
  onTestFinished(() => void kinds.delete(kind.type))
}

export async function proxied({
  serve = (socket: Socket) => void socket.pipe(socket),
  host = '127.0.0.1',
  lab = undefined as LabProcess | undefined,
} = {}) {
  const sockets = new Set<Socket>()
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  const proxies = new Proxies(lab === undefined ? { why: 'this is a test' } : { lab }, 1)
  const at = (port: number) => `${host.includes(':') ? `[${host}]` : host}:${port}`
  const { port } = server.address() as AddressInfo
  const add = (name: string) =>
    proxies.create(JSON.stringify({ name, listen: at(0), upstream: at(port) }))
  const proxy = await add('a')
  onTestFinished(async () => {
    for (const { name } of proxies.all) {
      await proxies.remove(name)
    }
    for (const socket of sockets) {
      socket.destroy()
    }
    server.close()
  })
  const toxic = (type: string, attributes: object, more: object = {}, name = 'a') =>
    proxies.addToxic(name, JSON.stringify({ type, attributes, ...more }))
  const connect = async (to = proxy) => {
    const port = Number(to.listen.split(':').at(-1))
    const socket = net.connect({ port, host, allowHalfOpen: true })
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { proxies, proxy, server, add, toxic, connect }
}

/** Returns what a socket gets up to its end. */
export async function all(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) {
    text += chunk
  }
  return text
}

export async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text)
  const [bytes] = await once(socket, 'data')
  return `${bytes}`
}

/** Returns a bound UDP socket, which is closed after the test. */
export async function udpSocket(host = '127.0.0.1'): Promise<dgram.Socket> {
  const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4')
  onTestFinished(() => void socket.close())
  socket.bind(0, host)
  await once(socket, 'listening')
  return socket
}
