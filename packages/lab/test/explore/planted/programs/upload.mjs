// Receives a file in two parts, and returns it.
import { randomUUID } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const path = `${process.env.VNET_DISK}/file`
const written = process.env.BROKEN === '1' ? path : `${path}.new`
/** A sender sees by it that the first part has reached another process. */
const boot = randomUUID()
let parts = 0

function reply({ verb, text, boot: given }) {
  if (verb === 'read') return { text: readFileSync(path, 'utf8') }
  if (verb === 'first') {
    writeFileSync(written, text)
    parts = 1
    return { boot }
  }
  if (given !== boot) return { done: false }
  if (parts === 1) {
    appendFileSync(written, text)
    renameSync(written, path)
    parts = 2
  }
  return { done: true }
}

if (!existsSync(path)) {
  writeFileSync(path, 'old')
}
const socket = createSocket('udp4')
socket.on('message', (message, { port, address }) => {
  const request = JSON.parse(message)
  socket.send(JSON.stringify({ id: request.id, ...reply(request) }), port, address)
})
socket.bind(5000, () => console.log('ready'))
