// nats-server with JetStream, and nats: an acknowledged message is kept, once by its id.
import { FAULTS, MESSAGES, network, run, serve } from './network.mjs'

const SERVER = 'exec nats-server -js -sd "$VNET_DISK" -a :: -p 4222'

export const options = { strict: true, faults: FAULTS, filter: MESSAGES, timeout: '20s' }

export default async function scenario({ lab }) {
  const [server, client] = await network(lab, 'client')
  await serve(server, SERVER, 'Server is ready')
  const lines = await run(client, 'nats-client.mjs')
  if (lines.at(-1) !== 'kept 1,2') {
    throw new Error(`1,2 are acknowledged, and the stream has ${lines.at(-1)}`)
  }
}
