// Redis (RESP2): strings, lists and channels. It keeps its values until it ends.
import net from 'node:net'
import { eachMessage, main } from './shared.mjs'

const OK = '+OK\r\n'
const number = n => `:${n}\r\n`
const bulk = text => (text === undefined ? '$-1\r\n' : `$${text.length}\r\n${text}\r\n`)
const list = parts => `*${parts.length}\r\n${parts.join('')}`

/** Returns the command that some bytes start with, and its length: Infinity if it is not whole. */
function commandOf(bytes) {
  const text = bytes.toString('latin1')
  const parts = []
  let at = text.indexOf('\r\n') + 2
  for (let left = Number(text.slice(1, at - 2)); left > 0; left--) {
    const start = text.indexOf('\r\n', at) + 2
    const end = start + Number(text.slice(at + 1, start - 2))
    parts.push(text.slice(start, end))
    at = start < 2 ? Infinity : end + 2
  }
  return { parts, length: at < 2 ? Infinity : at }
}

export function serve(port = 6379) {
  const values = new Map()
  const subscribers = new Map()
  const itemsOf = key => values.get(key) ?? []
  const set = (key, value) => {
    values.set(key, value)
    return value
  }
  const publish = (channel, text) => {
    const sockets = subscribers.get(channel) ?? []
    for (const socket of sockets) {
      socket.write(list([bulk('message'), bulk(channel), bulk(text)]), 'latin1')
    }
    return sockets.length
  }
  const subscribe = (channel, socket) => {
    const others = () => (subscribers.get(channel) ?? []).filter(each => each !== socket)
    subscribers.set(channel, [...others(), socket])
    socket.once('close', () => subscribers.set(channel, others()))
    return list([bulk('subscribe'), bulk(channel), number(1)])
  }
  const hasSubscribed = socket => [...subscribers.values()].flat().includes(socket)
  const commands = {
    PING: (_, socket) => (hasSubscribed(socket) ? list([bulk('pong'), bulk('')]) : '+PONG\r\n'),
    INFO: () => bulk('redis_version:7.0.0\r\nloading:0\r\n'),
    SELECT: () => OK,
    CLIENT: () => OK,
    SET: ([key, value]) => {
      values.set(key, value)
      return OK
    },
    GET: ([key]) => bulk(values.get(key)),
    DEL: keys => number(keys.filter(key => values.delete(key)).length),
    INCR: ([key]) => number(set(key, `${Number(values.get(key) ?? 0) + 1}`)),
    RPUSH: ([key, ...items]) => number(set(key, [...itemsOf(key), ...items]).length),
    LPOP: ([key]) => bulk(itemsOf(key).shift()),
    LRANGE: ([key]) => list(itemsOf(key).map(bulk)),
    PUBLISH: ([channel, text]) => number(publish(channel, text)),
    SUBSCRIBE: ([channel], socket) => subscribe(channel, socket),
  }
  const talk = socket =>
    eachMessage(
      socket,
      bytes => commandOf(bytes).length,
      bytes => {
        const [name = '', ...args] = commandOf(bytes).parts
        const run = commands[name.toUpperCase()] ?? (() => `-ERR unknown command '${name}'\r\n`)
        socket.write(run(args, socket), 'latin1')
      },
    )
  return net.createServer(talk).listen(port)
}
main(import.meta, serve)
