/**
 * Sends 4 MiB of random bytes over TCP and back, and compares: `integrity.mjs serve PORT`,
 * `integrity.mjs compare ADDRESS PORT`. The server returns the hash of the bytes that it received,
 * then the bytes, so that an error in either direction is found.
 */
import { createHash, randomBytes } from 'node:crypto'
import { connect, createServer } from 'node:net'

const SIZE = 4 << 20
const hash = bytes => createHash('sha256').update(bytes).digest()

async function readAll(socket) {
  const chunks = []
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function serve(port) {
  const server = createServer({ allowHalfOpen: true }, async socket => {
    server.close()
    const got = await readAll(socket)
    socket.write(hash(got))
    socket.end(got)
  })
  server.listen(port, '0.0.0.0', () => console.log('ready'))
}

async function compare(address, port) {
  const noise = randomBytes(SIZE)
  const socket = connect({ host: address, port, allowHalfOpen: true })
  socket.end(noise)
  const back = await readAll(socket)
  const there = back.subarray(0, 32).equals(hash(noise))
  if (there && back.subarray(32).equals(noise)) return
  const where = there ? 'on the way back' : 'on the way there'
  console.error(`${SIZE} bytes were changed ${where} (${back.length - 32} came back)`)
  process.exitCode = 1
}

const [mode, ...args] = process.argv.slice(2)
if (mode === 'serve') {
  serve(Number(args[0]))
} else {
  await compare(args[0], Number(args[1]))
}
