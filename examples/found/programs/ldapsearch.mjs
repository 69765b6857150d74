// ldapsearch 2.5.13: -l does not bound the wait for a server that is silent.
import assert from 'node:assert/strict'
import net from 'node:net'
import { at, run } from './network.mjs'

export const promise = 'Manual page, -l: "wait at most timelimit seconds for a search to complete"'
// The reply to the search, of 14 bytes.
export const options = at('silence forever', 'src port 389 and len = 81')

/** Replies that a bind, or a search, has succeeded, with a message for the search. */
const answer = socket =>
  socket
    .on('error', () => {})
    .on('data', ({ 4: id, 5: type }) => {
      if (type === 0x60) {
        socket.write(Buffer.from([48, 12, 2, 1, id, 0x61, 7, 10, 1, 0, 4, 0, 4, 0]))
      }
      if (type === 0x63) {
        socket.write(Buffer.from([48, 13, 2, 1, id, 0x65, 8, 10, 1, 0, 4, 0, 4, 1, 33]))
      }
    })

export default async ({ lab, settles }) => {
  const [client, server] = lab.hosts('client', 'server')
  // It prefers IPv6, in which the filter would have another length.
  await lab.cable(client, server, { addresses: [['198.18.1.1/24'], ['198.18.1.2/24']] })
  await server.run(() => net.createServer(answer).listen(389))
  const search = run(client, 'exec ldapsearch -x -H ldap://server -b dc=example -l 2 > /dev/null')
  await settles(search, { within: '9s' })
  assert.equal((await search).status, 0)
}
