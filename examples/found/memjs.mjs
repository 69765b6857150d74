// memjs 1.3.2: a retry returns half of the old reply with bytes of the new one.
import assert from 'node:assert/strict'
import net from 'node:net'
import memjs from 'memjs'
import { at, between } from './network.mjs'

export const promise =
  'memjs.js, Client.create: "`retries` - the number of times to retry an operation in lieu of failures"'
export const options = at('reset', 'src port 11211 and greater 200') // The second half.

const text = '0123456789'.repeat(30)
const serve = socket => {
  socket.on('error', () => {})
  socket.on('data', request => {
    const reply = Buffer.from(`\x81\0\0\0\x04${'\0'.repeat(23)}${text}`, 'latin1')
    reply.writeUInt32BE(4 + text.length, 8)
    request.copy(reply, 12, 12, 16)
    socket.write(reply.subarray(0, 60))
    setTimeout(() => socket.write(reply.subarray(60)), 50)
  })
}
const listen = () => net.createServer(serve).listen(11211)

export default between(listen, async ({ settles }) => {
  const cache = memjs.Client.create('server:11211', { logger: { log() {} } })
  const got = cache.get('key').catch(() => ({ value: text })) // An error would be right.
  const { value } = await settles(got, { within: '10s' })
  cache.close()
  assert.equal(String(value), text, 'the value is not the one of the server')
})
