import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { defaultLogger } from '@libp2p/logger'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'

const transport = tcp()({ logger: defaultLogger() })
const message = async connection => (await once(connection, 'message'))[0].data.subarray()
const upgradeInbound = async connection => {
  const [a, b] = await message(connection)
  connection.send(Uint8Array.of(a * b))
}
export const serve = async () => {
  const listener = transport.createListener({ upgrader: { upgradeInbound } })
  await listener.listen(multiaddr('/ip4/0.0.0.0/tcp/4001'))
  return () => listener.close()
}
export const answer = 42
export const ask = async () => {
  const upgrader = { upgradeOutbound: async connection => connection }
  const { signal } = new AbortController()
  const { address } = await lookup('server', 4)
  const connection = await transport.dial(multiaddr(`/ip4/${address}/tcp/4001`), {
    upgrader,
    signal,
  })
  connection.send(Uint8Array.of(6, 7))
  const [product] = await message(connection)
  await connection.close()
  return product
}
