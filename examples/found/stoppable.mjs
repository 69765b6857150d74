// stoppable 1.1.0: an unfinished TLS handshake holds stop() for 120 s, whatever `grace` is.
import https from 'node:https'
import tls from 'node:tls'
import stoppable from 'stoppable'
import { at, between } from './network.mjs'

export const promise =
  'README, Usage: "grace: Milliseconds to wait before force-closing connections"'
// The client's first message.
export const options = at('silence forever', 'dst port 443 and greater 200')

const psk = Buffer.alloc(32, 'key') // Both have this key, in place of a certificate.
let server
const serve = () => {
  server = stoppable(https.createServer({ ciphers: 'PSK', pskCallback: () => psk }), 1000).listen(
    443,
  )
}

export default between(serve, async ({ lab, settles }) => {
  const key = {
    ciphers: 'PSK',
    pskCallback: () => ({ psk, identity: 'client' }),
    checkServerIdentity: () => {},
  }
  tls.connect({ host: 'server', port: 443, ...key }).on('error', () => {})
  await lab.sleep(1000)
  await settles(new Promise(resolve => server.stop(resolve)), { within: '5s' })
})
