// hot-shots 17.1.1: a TCP client that fails within its first second never connects again.
import assert from 'node:assert/strict'
import net from 'node:net'
import StatsD from 'hot-shots'
import { at, between } from './network.mjs'

export const promise =
  'lib/statsd.js:217: "will gracefully (attempt) to re-open the socket with a small delay"'
export const options = at('reset', 'dst port 8125 and greater 160') // The first metric.

const received = []
const serve = socket => socket.on('error', () => {}).on('data', bytes => received.push(`${bytes}`))
const listen = () => net.createServer(serve).listen(8125)

export default between(listen, async ({ lab }) => {
  received.length = 0
  const statsd = new StatsD({ protocol: 'tcp', host: 'server', port: 8125, errorHandler: () => {} })
  await lab.sleep(300)
  for (const name of ['a'.repeat(100), 'b', 'c', 'd', 'e']) {
    statsd.increment(name)
    await lab.sleep(1500)
  }
  statsd.close(() => {})
  assert.match(received.join(''), /d:1|e:1/, 'no metric has come since the reset')
})
