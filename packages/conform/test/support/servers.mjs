/** Serves echo, discard and chargen (RFC 862 to 864) by TCP, and the first two by UDP. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

const CHARGEN = Buffer.from('vnet conform: this stream has no end\r\n'.repeat(100))

/** Ports below 1024, for which the program needs to be root. */
const [ECHO, DISCARD, CHARGEN_PORT] = [7, 9, 19]

function listen(port, serve) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    socket.on('error', () => {})
    serve(socket)
  })
  return new Promise(resolve => server.listen(port, '::', resolve))
}

function generate(socket) {
  while (socket.writable && socket.write(CHARGEN)) {}
}

await listen(ECHO, socket => socket.pipe(socket))
await listen(DISCARD, socket => socket.on('end', () => socket.end()).resume())
await listen(CHARGEN_PORT, socket => {
  socket.on('drain', () => generate(socket))
  socket.on('end', () => socket.destroy()).resume()
  generate(socket)
})
const bound = [ECHO, DISCARD].map(port => {
  const socket = createSocket('udp6')
  if (port === ECHO) {
    socket.on('message', (data, from) => socket.send(data, from.port, from.address))
  }
  return new Promise(resolve => socket.bind(port, '::', resolve))
})
await Promise.all(bound)
process.stdout.write('ready\n')
