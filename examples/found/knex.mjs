// knex 3.3.0: a timeout with `cancel` waits for the connection that is to cancel the query.
import net from 'node:net'
import knex from 'knex'
import { at, between } from './network.mjs'

export const promise =
  'Docs, timeout: "Sets a timeout for the query and will throw a TimeoutError if the timeout is exceeded."'
export const options = at('silence 40s', 'dst port 5432 and greater 400')

const message = (type, text) => `${type}\0\0\0${String.fromCharCode(text.length + 4)}${text}`
const ready = message('Z', 'I')
const columns = message('T', '\0\x01version\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0')
const rows = `${columns}${message('D', '\0\x01\0\0\0\x0fPostgreSQL 15.0')}${message('C', 'SELECT 1\0')}${ready}`
const answers = {
  0: message('R', '\0\0\0\0') + ready,
  80: message('1', '') + message('2', '') + rows,
  81: rows,
}
const serve = socket => {
  socket.on('error', () => {})
  socket.on('data', bytes =>
    bytes[0] in answers ? socket.write(answers[bytes[0]], 'latin1') : socket.end(),
  )
}
const listen = () => net.createServer(serve).listen(5432)

export default between(listen, async ({ settles }) => {
  const db = knex({ client: 'pg', connection: 'pg://user:@server', acquireConnectionTimeout: 2000 })
  const query = db.raw(`select '${'a'.repeat(400)}'`).timeout(2000, { cancel: true })
  await settles(
    query.catch(() => 'an error is right'),
    { within: '9s' },
  )
  await db.destroy()
})
