// emailjs-imap-client 3.1.0: after a reset within a command, its promise never settles.
import emailjs from 'emailjs-imap-client'
import { serve } from '../servers/imap.mjs'
import { at, between } from './network.mjs'

export const promise =
  'src/imap.js, onerror: "Irrecoverable error occurred. Connection to the server will be closed"'
export const options = at('reset', 'dst port 143 and tcp[tcpflags] & tcp-push != 0 and greater 60')

const listen = () => serve()
const plain = { useSecureTransport: false, ignoreTLS: true, logLevel: 1000 }

export default between(listen, async ({ settles }) => {
  const auth = { user: 'me', pass: 'secret' }
  const client = new emailjs.default('server', 143, { auth, ...plain })
  let fails
  const failed = new Promise(resolve => {
    fails = resolve
  })
  client.onerror = fails
  const connected = client.connect().catch(() => {})
  await settles(Promise.race([connected, failed]), { within: '25s' })
  client.client.socket?._socket.destroy()
})
