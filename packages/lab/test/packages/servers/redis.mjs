/** The part of Redis that the cases use (RESP2): SET, GET and MULTIPLY, unknown to clients. */
import net from 'node:net'
import { listening } from './listening.mjs'

const bulk = text => (text === undefined ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`)

export const redisServer = () => {
  const values = new Map()
  const commands = {
    SET: (key, value) => {
      values.set(key, value)
      return '+OK\r\n'
    },
    GET: key => bulk(values.get(key)),
    MULTIPLY: (a, b) => `:${a * b}\r\n`,
    INFO: () => bulk('redis_version:7.0.0\r\n'),
  }
  return listening(
    net.createServer(socket => {
      let rest = ''
      socket.on('error', () => {})
      socket.on('data', data => {
        rest += data.toString('latin1')
        for (let words = take(); words !== undefined; words = take()) {
          const [name, ...args] = words
          socket.write(commands[name.toUpperCase()]?.(...args) ?? '+OK\r\n')
        }
      })
      /** Takes a command, an array of bulk strings; undefined if it has not arrived yet. */
      function take() {
        const head = /^\*(\d+)\r\n/.exec(rest)
        if (head === null) return undefined
        const words = []
        let at = head[0].length
        for (let i = 0; i < Number(head[1]); i++) {
          const length = /^\$(\d+)\r\n/.exec(rest.slice(at))
          if (length === null) return undefined
          const from = at + length[0].length
          at = from + Number(length[1]) + 2
          if (rest.length < at) return undefined
          words.push(rest.slice(from, at - 2))
        }
        rest = rest.slice(at)
        return words
      }
    }),
    6379,
  )
}
