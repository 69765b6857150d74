// basic-ftp 6.2.6: the timeout does not cover the TLS handshake of access().
import net from 'node:net'
import tls from 'node:tls'
import { Client } from 'basic-ftp'
import { at, between } from './network.mjs'

export const promise =
  'README, new Client(): "a timeout in milliseconds that will be used for any connection made"'
// The server's first message in the TLS handshake.
export const options = at('silence forever', 'src port 21 and greater 120 and less 160')

const psk = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }
const key = Buffer.alloc(16)
const answer = socket => socket.on('error', () => {}).on('data', () => socket.write('200 ok\r\n'))
const secure = tls.createServer({ ...psk, pskCallback: () => key }, answer)
const greet = socket => {
  socket.on('error', () => {}).write('220 ready\r\n')
  socket.once('data', () => {
    socket.write('234 go\r\n')
    secure.emit('connection', socket)
  })
}
const serve = () => net.createServer(greet).listen(21)
const secureOptions = {
  ...psk,
  pskCallback: () => ({ psk: key, identity: 'me' }),
  checkServerIdentity: () => {},
}

export default between(serve, async ({ settles }) => {
  const client = new Client(1000)
  const access = client.access({ host: 'server', secure: true, secureOptions })
  await settles(Promise.allSettled([access]), { within: '8s' })
  client.close()
})
