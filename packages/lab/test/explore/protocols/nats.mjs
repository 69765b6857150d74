// NATS over nats: a request and its reply.
import { hosts, run, start } from './net.mjs'

export default async function scenario({ lab, signal }) {
  const { client, server } = await hosts(lab)
  await start(server, 'Server is ready', 'nats-server', ['-a', '0.0.0.0', '-p', '4222'])
  await run(client, 'nats-client.mjs', signal)
}
