import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { ask, serve } from '../datagrams.ts'
import { type Cause, DATAGRAMS, hosts, PORT, type Scenario } from '../subject.ts'

export const bug = 'the client cuts "address:port" at the first colon, which is wrong for IPv6'

export const options = DATAGRAMS

const STORE_PORT = 9

const scenario =
  (separator: (place: string) => number, type: 'udp4' | 'udp6' = 'udp4'): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab)
    const [directory, store] = [
      await server.createSocket(type, PORT),
      await server.createSocket(type, STORE_PORT),
    ]
    const address = server.addresses.find(each => isIPv6(each) === (type === 'udp6'))
    serve(directory, () => ({ type: 'place', place: `${address}:${STORE_PORT}` }))
    serve(store, () => ({ type: 'value', value: 1 }))
    const socket = await client.createSocket(type)

    const { place } = await ask(socket, { type: 'find', id: 1 })
    const at = separator(String(place))
    const [host, port] = [String(place).slice(0, at), Number(String(place).slice(at + 1))]
    const { value } = await ask(socket, { type: 'get', id: 2 }, port, host)

    assert.equal(value, 1)
  }

const firstColon = (place: string) => place.indexOf(':')
const lastColon = (place: string) => place.lastIndexOf(':')

export const broken = scenario(firstColon)
export const fixed = scenario(lastColon)
export const cause: Cause = {
  broken: scenario(firstColon, 'udp6'),
  fixed: scenario(lastColon, 'udp6'),
}
