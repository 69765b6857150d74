// imap 0.8.19: if the connection ends during a fetch, the fetch emits neither `end` nor `error`.
import Imap from 'imap'
import { serve } from '../servers/imap.mjs'
import { at, between } from './network.mjs'

export const promise =
  'README, ImapFetch: "**error**(< _Error_ >err) - Emitted when an error occurred."'
export const options = at('reset', 'src port 143 and greater 500')

const listen = () => serve()

export default between(listen, async ({ settles }) => {
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
