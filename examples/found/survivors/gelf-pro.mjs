// gelf-pro 1.4.0: the callback of a message over TCP is called once.
import assert from 'node:assert/strict'
import net from 'node:net'
import log from 'gelf-pro'
import { between, every } from '../network.mjs'

export const promise = 'README: "timeout: 1000, // tcp only; optional; default: 10000 (10 sec)"'
export const options = every

const serve = () => net.createServer(socket => socket.on('error', () => {}).resume()).listen(12201)

export default between(serve, async ({ lab, settles }) => {
  log.setConfig({
    adapterName: 'tcp',
    adapterOptions: { host: 'server', port: 12201, timeout: 1000 },
  })
  let calls = 0
  const called = new Promise(resolve =>
    log.message('hello', 3, () => {
      calls++
      resolve()
    }),
  )
  await settles(called, { within: '10s' })
  await lab.sleep('20s')
  assert.equal(calls, 1)
})
