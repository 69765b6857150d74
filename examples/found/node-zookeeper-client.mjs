// node-zookeeper-client 1.1.3: a server that does not greet keeps the client from the others.
import net from 'node:net'
import zookeeper from 'node-zookeeper-client'
import { at } from './network.mjs'

export const promise =
  'README: if a server "does not respond, the client will automatically try to connect to another server"'
// The reply to the first request of the connection.
export const options = at('silence forever', 'src port 2181 and tcp[tcpflags] & tcp-push != 0')

/** The session: a timeout of 4 s, an id, and a password of 16 bytes. */
const session = Buffer.alloc(40)
session.set([0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0x0f, 0xa0])
session.set([16], 23)
const answer = socket => socket.on('error', () => {}).once('data', () => socket.write(session))

export default async ({ lab, settles }) => {
  const [client, one, two] = lab.hosts('client', 'one', 'two')
  await lab.cable(client, one)
  await lab.cable(client, two)
  for (const server of [one, two]) {
    await server.run(() => net.createServer(answer).listen(2181))
  }
  await client.run(async () => {
    // It tries the servers in a random order, which would be another one in each run.
    Math.random = () => 0
    const servers = zookeeper.createClient('one:2181,two:2181', { sessionTimeout: 4000 })
    const connected = new Promise(resolve => servers.once('connected', resolve))
    servers.connect()
    await settles(connected, { within: '9s' })
    servers.connectionManager.socket.destroy()
  })
}
