// NATS over nats-server and nats.

import { useNats } from './nats-client.mjs'
import { hosts, start } from './net.mjs'

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  await start(server, 'Server is ready', 'nats-server', ['-a', '0.0.0.0', '-p', '4222'])
  await useNats(client)
}
