/** Requests and replies as JSON datagrams: small programs of planted bugs talk by them. */
import type { LabHost } from '../../../src/index.ts'

export type Message = Readonly<Record<string, unknown>>

/** The port of every server. */
const PORT = 5000
/** Milliseconds after which a request is repeated. */
const INTERVAL = 300

/** Replies requests to a host with what `reply` returns; undefined sends nothing. */
export async function serve(
  host: LabHost,
  reply: (request: Message) => Promise<Message | undefined> | Message | undefined,
): Promise<void> {
  const socket = await host.createSocket('udp4', PORT)
  socket.on('message', async (message, from) => {
    const { id, ...request } = JSON.parse(String(message)) as Message
    const replied = await reply(request)
    if (replied !== undefined) {
      socket.send(JSON.stringify({ id, ...replied }), from.port, from.address)
    }
  })
}

export type Ask = (to: string, request: Message, attempts?: number) => Promise<Message | undefined>

/** Returns a function that sends a request up to `attempts` times, until its reply arrives. */
export async function asker(host: LabHost): Promise<Ask> {
  const socket = await host.createSocket('udp4')
  const waiting = new Map<unknown, (reply: Message) => void>()
  let last = 0
  socket.on('message', message => {
    const { id, ...reply } = JSON.parse(String(message)) as Message
    waiting.get(id)?.(reply)
  })
  return async (to, request, attempts = 30) => {
    const id = ++last
    return new Promise(resolve => {
      let left = attempts
      const done = (reply: Message | undefined) => {
        clearInterval(timer)
        waiting.delete(id)
        resolve(reply)
      }
      const send = () =>
        left-- > 0 ? socket.send(JSON.stringify({ id, ...request }), PORT, to) : done(undefined)
      const timer = setInterval(send, INTERVAL)
      waiting.set(id, done)
      send()
    })
  }
}
