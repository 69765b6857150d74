// imap 0.8.19: if the connection ends during a fetch, the fetch emits neither `end` nor `error`.
import net from 'node:net'
import Imap from 'imap'
import { at, between } from './network.mjs'

export const promise =
  'README, ImapFetch: "**error**(< _Error_ >err) - Emitted when an error occurred."'
export const options = at('reset', 'src port 143 and greater 500')

const replies = {
  CAPABILITY: '* CAPABILITY IMAP4rev1\r\n',
  EXAMINE: '* 1 EXISTS\r\n',
  UID: `* 1 FETCH (UID 1 BODY[] {800}\r\n${'x'.repeat(800)})\r\n`,
}
const answer = socket => {
  socket.on('error', () => {}).write('* OK ready\r\n')
  socket.on('data', request => {
    const [tag, command] = String(request).trim().split(' ')
    socket.write(`${replies[command] ?? ''}${tag} OK done\r\n`)
  })
}
const serve = () => net.createServer(answer).listen(143)

export default between(serve, async ({ settles }) => {
  const imap = new Imap({ host: 'server', user: 'me', password: 'secret', keepalive: false })
  imap.on('error', () => {}).connect()
  await new Promise(resolve => imap.once('ready', resolve))
  await new Promise(resolve => imap.openBox('INBOX', true, resolve))
  const fetch = imap
    .fetch(1, { bodies: '' })
    .on('message', message => message.on('body', body => body.resume()))
  await settles(new Promise(resolve => fetch.once('end', resolve).once('error', resolve)), {
    within: '6s',
  })
})
