// rpc-websockets 10.0.1: a call never settles after its connection was lost.
import { Client, Server } from 'rpc-websockets'
import { at, between } from './network.mjs'

export const promise =
  'API.md, ws.call(): "Resolves once the response is ready. Throws if an RPC error was received."'
// A frame of text of the server.
export const options = at('reset', 'src port 80 and tcp[((tcp[12] & 240) / 4)] = 129')

export default between(
  () => new Server({ port: 80 }).register('sum', ([a, b]) => a + b),
  async ({ settles }) => {
    const rpc = new Client('ws://server')
    rpc.on('error', () => {})
    await new Promise(resolve => rpc.on('open', resolve))
    const call = rpc.call('sum', [2, 3]).catch(() => {})
    await settles(call, { within: '8s' })
    rpc.close()
  },
)
