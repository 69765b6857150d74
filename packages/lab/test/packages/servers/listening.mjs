/** Servers of the cases. Each function resolves when it listens, to a function that closes it. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'

/** Listens, and closes a server with its connections. */
export async function listening(server, port) {
  const sockets = new Set()
  server.on('connection', socket => sockets.add(socket.on('close', () => sockets.delete(socket))))
  await once(server.listen(port), 'listening')
  return async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) {
      socket.destroy()
    }
    await closed
  }
}

/** Answers a request for `/6/7` with 42, the product. */
export const multiplyingHttp = () =>
  listening(
    http.createServer((request, response) => {
      const [, a, b] = request.url.split('/')
      response.end(`${a * b}`)
    }),
    80,
  )

/** Calls `answer` with each line, and writes what it returns. */
export const lineServer = (port, answer, greeting = '') =>
  listening(
    net.createServer(socket => {
      socket.on('error', () => {})
      if (greeting) {
        socket.write(greeting)
      }
      let rest = ''
      socket.on('data', data => {
        const lines = (rest + data).split('\r\n')
        rest = lines.pop()
        for (const line of lines) {
          const reply = answer(line, socket)
          if (reply !== undefined) {
            socket.write(reply)
          }
        }
      })
    }),
    port,
  )

/** Calls `answer` with each message, of `lengthOf` its start bytes. Writes its result. */
export const messageServer = (port, lengthOf, answer) =>
  listening(
    net.createServer(socket => {
      let rest = Buffer.alloc(0)
      socket.on('error', () => {})
      socket.on('data', data => {
        rest = Buffer.concat([rest, data])
        for (let length = lengthOf(rest); length <= rest.length; length = lengthOf(rest)) {
          const reply = answer(rest.subarray(0, length), socket)
          rest = rest.subarray(length)
          if (reply !== undefined) {
            socket.write(reply)
          }
        }
      })
    }),
    port,
  )
