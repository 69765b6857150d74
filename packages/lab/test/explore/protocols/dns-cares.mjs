// DNS over UDP: the resolver of Node, which is c-ares, and a server with one address.
import { serveNames } from './dns-server.mjs'
import { hosts, run } from './net.mjs'

export default async function scenario({ lab, signal }) {
  const { client, server } = await hosts(lab)
  await serveNames(server)
  await run(client, 'dns-cares-client.mjs', signal)
}
