// node-pop3 0.11.0: a reset in the middle of a message ends the process.
import net from 'node:net'
import Pop3Command from 'node-pop3'
import { at, between } from './network.mjs'

export const promise =
  'README, ERROR: "event name comes from `socket.on`. Includes `error`, `close`, `timeout`, `end`"'
export const options = at('reset', 'src port 110 and greater 1050 and less 1200')

const answer = socket => {
  socket.on('error', () => {}).write('+OK ready\r\n')
  socket.on('data', request => {
    socket.write('+OK\r\n')
    if (!String(request).startsWith('RETR')) return
    socket.write('first half\r\n')
    setTimeout(() => socket.write(`${'other half\r\n'.repeat(90)}.\r\n`), 200)
  })
}

export default between(
  () => net.createServer(answer).listen(110),
  async ({ settles }) => {
    const client = new Pop3Command({
      host: 'server',
      user: 'me',
      password: 'secret',
      timeout: 1000,
    })
    await settles(Promise.allSettled([client.RETR(1)]), { within: '6s' })
  },
)
