// postgres 3.4.9: a new connection that is reset at its type query ends the process.
import net from 'node:net'
import postgres from 'postgres'
import { at, between } from './network.mjs'

export const promise =
  'README, The Connection Pool: "[...] you don\'t have to handle errors out of context."'
export const options = at('reset', 'dst port 5432 and greater 250') // The question for the types.

const message = (type, text = '') => `${type}\0\0\0${String.fromCharCode(text.length + 4)}${text}`
const ready = message('Z', 'I')
const welcome = message('R', '\0\0\0\0') + ready
const noRows = message('1') + message('n') + message('2') + message('C', 'SELECT 0\0') + ready
const serve = socket => {
  socket.on('error', () => {})
  socket.on('data', bytes => socket.write(bytes[0] === 0 ? welcome : noRows, 'latin1'))
}
const listen = () => net.createServer(serve).listen(5432)

export default between(listen, async ({ lab }) => {
  const sql = postgres({ host: 'server', user: 'user' })
  await sql`select 1`.catch(() => 'an error is right')
  await lab.sleep(100)
  await sql.end({ timeout: 1 })
})
