// Redis over a small server and ioredis.
import net from 'node:net'
import { hosts } from './net.mjs'
import { useRedis } from './redis-client.mjs'

/** Takes the first command, an array of bulk strings (RESP2), from the start of a text. */
function take(text) {
  const head = /^\*(\d+)\r\n/.exec(text)
  if (head === null) return undefined
  const words = []
  let at = head[0].length
  while (words.length < Number(head[1])) {
    const length = /^\$(\d+)\r\n/.exec(text.slice(at))
    const from = at + (length?.[0].length ?? 0)
    const to = from + Number(length?.[1])
    // Not true for NaN, which is a length that has not arrived.
    if (!(text.length >= to + 2)) return undefined
    words.push(text.slice(from, to))
    at = to + 2
  }
  return { words, rest: text.slice(at) }
}

const bulk = text => `$${text.length}\r\n${text}\r\n`
const push = (kind, channel, value) => `*3\r\n${bulk(kind)}${bulk(channel)}${value}`

/** Returns a server with the commands INCR, SUBSCRIBE, PUBLISH and QUIT. */
function redisServer() {
  const numbers = new Map()
  const subscribers = new Map()
  const commands = {
    incr(_, key) {
      numbers.set(key, (numbers.get(key) ?? 0) + 1)
      return `:${numbers.get(key)}\r\n`
    },
    subscribe(socket, channel) {
      subscribers.set(channel, [...(subscribers.get(channel) ?? []), socket])
      return push('subscribe', channel, ':1\r\n')
    },
    publish(_, channel, message) {
      const sockets = subscribers.get(channel) ?? []
      for (const each of sockets) {
        each.write(push('message', channel, bulk(message)))
      }
      return `:${sockets.length}\r\n`
    },
    quit(socket) {
      setImmediate(() => socket.end())
      return '+OK\r\n'
    },
  }
  return net.createServer(socket => {
    let text = ''
    socket.setEncoding('latin1').on('error', () => {})
    socket.on('data', chunk => {
      text += chunk
      let replies = ''
      for (let command = take(text); command !== undefined; command = take(text)) {
        const { words, rest } = command
        const [name, ...args] = words
        replies +=
          commands[name.toLowerCase()]?.(socket, ...args) ?? `-ERR unknown command '${name}'\r\n`
        text = rest
      }
      if (replies !== '') {
        socket.write(replies)
      }
    })
  })
}

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  await server.listen(redisServer(), 6379)
  await useRedis(client)
}
