/**
 * `stream.mjs ADDRESS PORT SECONDS`: reads what a server sends, or writes to port 9 (discard).
 * After a second of warming up it prints `begin`, and at the end the bytes of the payload since.
 */
import { connect } from 'node:net'

const DISCARD = '9'
const [host, port, seconds] = process.argv.slice(2)
const chunk = Buffer.alloc(1 << 18, 'vnet')
const socket = connect({ host, port })

if (port === DISCARD) {
  const write = () => {
    while (socket.write(chunk)) {}
  }
  socket.on('connect', write).on('drain', write)
} else {
  socket.resume()
}

const wait = s => new Promise(resolve => setTimeout(resolve, s * 1000))
/** Written bytes that wait in Node have not been sent. */
const bytes = () =>
  port === DISCARD ? socket.bytesWritten - socket.writableLength : socket.bytesRead

await wait(1)
const before = bytes()
console.log('begin')
await wait(Number(seconds))
console.log(bytes() - before)
process.exit()
