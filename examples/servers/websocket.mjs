// WebSocket (RFC 6455): sends each message back.
import crypto from 'node:crypto'
import http from 'node:http'
import { eachMessage, int16, int32, main } from './shared.mjs'

const [CLOSE, PING, PONG] = [8, 9, 10]

/** Returns how many bytes of a frame precede its mask. */
const headOf = bytes => ({ 126: 4, 127: 10 })[bytes[1] & 127] ?? 2

function lengthOf(bytes) {
  const head = headOf(bytes)
  if (bytes.length < head) return Infinity
  let length = bytes[1] & 127
  if (head === 4) {
    length = bytes.readUInt16BE(2)
  }
  if (head === 10) {
    length = Number(bytes.readBigUInt64BE(2))
  }
  return head + 4 + length
}

/** Returns a frame without a mask. Its first byte has the opcode. */
function frame(first, payload) {
  const { length } = payload
  let head = String.fromCharCode(first, length)
  if (length > 125) {
    head = String.fromCharCode(first, 126) + int16(length)
  }
  if (length > 65535) {
    head = String.fromCharCode(first, 127) + int32(0) + int32(length)
  }
  return Buffer.concat([Buffer.from(head, 'latin1'), payload])
}

function upgrade({ headers }, socket, early) {
  const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
  const accept = crypto.createHash('sha1').update(key).digest('base64')
  const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
  if (early.length > 0) {
    socket.unshift(early)
  }
  // Sockets of HTTP do not end by themselves when the client has ended.
  socket.once('end', () => socket.end())
  eachMessage(socket, lengthOf, bytes => {
    const start = headOf(bytes) + 4
    const mask = bytes.subarray(start - 4, start)
    const payload = bytes.subarray(start).map((byte, i) => byte ^ mask[i % 4])
    const opcode = bytes[0] & 15
    if (opcode === PONG) return
    socket.write(frame(opcode === PING ? bytes[0] + 1 : bytes[0], payload))
    if (opcode === CLOSE) {
      socket.end()
    }
  })
}

const refuse = (_, reply) => reply.writeHead(426, { 'content-length': 0 }).end()

export const serve = (port = 8765) => http.createServer(refuse).on('upgrade', upgrade).listen(port)
main(import.meta, serve)
