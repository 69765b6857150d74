// MySQL (protocol 10): a query returns one row, and every password is right.
import net from 'node:net'
import { eachMessage, main } from './shared.mjs'

const [QUIT, QUERY, PREPARE] = [1, 3, 22]
/** Capabilities: protocol 4.1, a database in the login, the name of a plugin; no TLS. */
const [LOW, HIGH] = [
  [0x0d, 0xa2],
  [0x08, 0],
]

/** Returns a packet with its number. A part is a text, or a list of bytes. */
function packet(number, ...parts) {
  const payload = Buffer.concat(parts.map(part => Buffer.from(part)))
  const { length } = payload
  return Buffer.concat([Buffer.of(length & 255, length >> 8, 0, number), payload])
}
const text = value => String.fromCharCode(value.length) + value

const greeting = packet(
  0,
  '\x0a8.0.0\0',
  [1, 0, 0, 0],
  'password\0', // The first 8 of 20 bytes that a client mixes with its password.
  LOW,
  [33, 2, 0],
  HIGH,
  [21],
  Buffer.alloc(10),
  'of 20 bytes.\0mysql_native_password\0',
)
const ok = number => packet(number, [0, 0, 0, 2, 0, 0, 0])
const end = number => packet(number, [0xfe, 0, 0, 2, 0])
const error = packet(1, [0xff, 0x17, 0x04], '#HY000unknown command')

// A column `version`, and its value.
const column = text('def') + text('') + text('') + text('') + text('version') + text('')
const rows = Buffer.concat([
  packet(1, [1]),
  packet(2, column, [12, 33, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]),
  end(3),
  packet(4, text('8.0.0')),
  end(5),
])

function talk(socket) {
  let isIn = false
  const lengthOf = bytes => (bytes.length < 4 ? Infinity : 4 + bytes.readUIntLE(0, 3))
  socket.write(greeting)
  eachMessage(socket, lengthOf, bytes => {
    if (!isIn) {
      isIn = true
      return socket.write(ok(bytes[3] + 1))
    }
    if (bytes[4] === QUIT) return socket.end()
    if (bytes[4] === PREPARE) return socket.write(error)
    const hasRows = bytes[4] === QUERY && /^\s*(select|show)/i.test(bytes.toString('latin1', 5))
    socket.write(hasRows ? rows : ok(1))
  })
}

export const serve = (port = 3306) => net.createServer(talk).listen(port)
main(import.meta, serve)
