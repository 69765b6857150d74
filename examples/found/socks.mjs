// socks 2.8.11: createConnectionChain does not heed its `timeout`, and waits 30 s for each proxy.
import net from 'node:net'
import { SocksClient } from 'socks'
import { at, between } from './network.mjs'

export const promise =
  'SocksClientChainOptions: "timeout?: number"; README: "How long to wait to establish a proxy connection. [...]"'
// The request to the second proxy.
export const options = at('silence forever', 'dst port 1080 and greater 90')

const granted = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]
const serve = socket => {
  const replies = [[5, 0], granted, [5, 0], granted]
  socket.on('error', () => {}).on('data', () => socket.write(Buffer.from(replies.shift())))
}

export default between(
  () => net.createServer(serve).listen(1080),
  async ({ settles }) => {
    const proxies = ['server', 'second'].map(host => ({ host, port: 1080, type: 5 }))
    const destination = { host: 'a.long.name.of.the.target', port: 80 }
    const chain = SocksClient.createConnectionChain({
      command: 'connect',
      proxies,
      destination,
      timeout: 1000,
    })
    await settles(
      chain.then(({ socket }) => socket.destroy()).catch(() => {}),
      { within: '5s' },
    )
  },
)
