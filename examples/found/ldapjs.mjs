// ldapjs 3.0.7: a search has no time-out after its first entry.
import net from 'node:net'
import ldap from 'ldapjs'
import { at, between } from './network.mjs'

export const promise =
  'docs/client.md, timeout: "Milliseconds client should let operations live for before timing out"'
// The end of the search, of the tag 101.
export const options = at(
  'silence forever',
  'src port 389 and tcp[((tcp[12] & 240) / 4) + 5] = 101',
)

const entry = id => Buffer.from([48, 14, 2, 1, id, 100, 9, 4, 5, ...Buffer.from('o=one'), 48, 0])
const end = id => Buffer.from([48, 12, 2, 1, id, 101, 7, 10, 1, 0, 4, 0, 4, 0])
const answer = socket =>
  socket
    .on('error', () => {})
    .once('data', ({ 4: id }) => {
      socket.write(entry(id))
      setTimeout(() => socket.write(end(id)), 100)
    })
const listen = () => net.createServer(answer).listen(389)

export default between(listen, async ({ settles }) => {
  const client = ldap.createClient({ url: 'ldap://server', timeout: 1000 })
  client.on('error', () => {})
  await new Promise(resolve => client.once('connect', resolve))
  const result = await new Promise(resolve => client.search('o=one', {}, (_, got) => resolve(got)))
  const ends = new Promise(resolve => result.once('error', resolve).once('end', resolve))
  await settles(ends, { within: '5s' }).finally(() => client.destroy())
})
