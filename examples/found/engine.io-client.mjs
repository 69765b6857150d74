// engine.io-client 6.6.8: in Node requestTimeout has no effect, and close() leaves a socket.
import assert from 'node:assert/strict'
import http from 'node:http'
import { listen } from 'engine.io'
import { Socket } from 'engine.io-client'
import { at, between } from './network.mjs'

export const promise =
  'build/esm/socket.d.ts, requestTimeout: "Timeout for xhr-polling requests in milliseconds (0) [...]"'
// The reply to the handshake is the only long one.
export const options = at('silence 20s', 'src port 80 and greater 270')

export default between(
  () => listen(80),
  async ({ lab }) => {
    const agent = new http.Agent()
    const socket = new Socket('http://server', {
      transports: ['polling'],
      requestTimeout: 500,
      agent,
    })
    await lab.sleep(3000)
    socket.close()
    await lab.sleep(3000)
    const open = Object.values(agent.sockets).flat()
    agent.destroy()
    assert.equal(open.length, 0, 'the connection is still open')
  },
)
