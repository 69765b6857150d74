// ldapts 9.2.0: after startTLS() a close is not noticed, and the next request never settles.
import net from 'node:net'
import tls from 'node:tls'
import { Client } from 'ldapts'
import { at, between } from './network.mjs'

export const promise =
  'README: "The client transparently reconnects [...] after the server closed the connection"'
export const options = at('reset', 'src port 389 and greater 150 and less 170')

const psk = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }
const key = Buffer.alloc(16)
const clientOptions = {
  ...psk,
  pskCallback: () => ({ psk: key, identity: 'me' }),
  checkServerIdentity: () => {},
}
// A success in BER, with the request as its text: the filter is the length of the reply to bind().
const success = request => {
  const { 4: id, 5: type, length } = request
  return Buffer.from([
    48,
    12 + length,
    2,
    1,
    id,
    type + 1,
    7 + length,
    10,
    1,
    0,
    4,
    0,
    4,
    length,
    ...request,
  ])
}
const answer = socket =>
  socket.on('error', () => {}).on('data', request => socket.write(success(request)))
const secure = tls.createServer({ ...psk, pskCallback: () => key }, answer)
const greet = socket =>
  socket.once(
    'data',
    request => socket.write(success(request)) && secure.emit('connection', socket),
  )
const serve = () => net.createServer(greet).listen(389)

export default between(serve, async ({ settles }) => {
  const client = new Client({ url: 'ldap://server' })
  await client.startTLS(clientOptions)
  await client.bind('cn=me,ou=people,dc=example,dc=com', 'secret').catch(() => {})
  await settles(Promise.allSettled([client.add('cn=new', {})]), { within: '5s' })
})
