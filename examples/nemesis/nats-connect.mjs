// nats-server, and a client that connects once, with a timeout: a defect of transport-node 3.4.0.
import { MESSAGES, network, run, serve } from './network.mjs'

const SERVER = 'exec nats-server -a :: -p 4222'

export const options = { faults: ['pause 2s on server'], filter: MESSAGES, timeout: '10s' }

export default async function scenario({ lab }) {
  const [server, client] = await network(lab, 'client')
  await serve(server, SERVER, 'Server is ready')
  const lines = await run(client, 'nats-connect-client.mjs')
  if (!['connected', 'timeout'].includes(lines.join())) throw new Error(`the client has printed ${lines}`)
}
