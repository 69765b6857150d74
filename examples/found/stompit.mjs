// stompit 1.0.0: disconnect(callback) never calls back if the connection has broken before.
import net from 'node:net'
import { promisify } from 'node:util'
import stompit from 'stompit'
import { at, between } from './network.mjs'

export const promise =
  'api/client.md: "The `callback` function is called when the connection is closed or when an error occurs."'
export const options = at('reset', 'src port 61613 and len = 67') // The empty line.

const serve = socket => {
  socket.on('error', () => {})
  socket.on('data', bytes => {
    const [, receipt] = /receipt:(\d+)/.exec(bytes) ?? []
    if (receipt) {
      socket.write(`RECEIPT\nreceipt-id:${receipt}\n\n\0`)
    }
    if (!bytes.includes('CONNECT\n') || receipt) return
    socket.write('CONNECTED\nversion:1.1\n\n\0')
    setTimeout(() => socket.write('\n'), 300)
  })
}
const listen = () => net.createServer(serve).listen(61613)

export default between(listen, async ({ lab, settles }) => {
  const client = await promisify(stompit.connect)({ host: 'server', port: 61613 })
  client.on('error', () => {})
  await lab.sleep(1000)
  await settles(new Promise(resolve => client.disconnect(resolve)), { within: '10s' })
})
