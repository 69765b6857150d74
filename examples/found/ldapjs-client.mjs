// ldapjs-client 0.1.7: the time-out of an operation does not bound its attempt to connect.
import net from 'node:net'
import Client from 'ldapjs-client'
import { at, between } from './network.mjs'

export const promise =
  'README, timeout: "Milliseconds client should let operations live for before timing out"'
export const options = at('silence forever', 'dst port 389 and tcp[tcpflags] & tcp-syn != 0')

const success = ({ 4: id, 5: type }) =>
  Buffer.from([48, 12, 2, 1, id, type + 1, 7, 10, 1, 0, 4, 0, 4, 0])
const answer = socket =>
  socket.on('error', () => {}).on('data', request => socket.write(success(request)))
const listen = () => net.createServer(answer).listen(389)

export default between(listen, async ({ settles }) => {
  const client = new Client({ url: 'ldap://server', timeout: 1000 })
  const bound = client.bind('cn=me', 'secret').catch(() => {})
  await settles(bound, { within: '5s' }).finally(() => client.destroy())
})
