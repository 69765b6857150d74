// jackd 2.2.2: the payload of a job has the reply to the next command in it.
import assert from 'node:assert/strict'
import net from 'node:net'
import JackdClient from 'jackd'
import { at, between } from './network.mjs'

export const promise = 'README: "`jackd` will return the payload as-is."'
// The second part of the first job, 5 bytes. Its retransmission arrives with the second job.
export const options = at('drop', 'src port 11300 and len = 71')

const answer = socket =>
  socket
    .on('error', () => {})
    .once('data', () => {
      socket.setNoDelay().write('RESERVED 1 5\r\nhe')
      setTimeout(() => socket.write('llo\r\n'), 100)
      setTimeout(() => socket.write('RESERVED 2 5\r\nworld\r\n'), 150)
    })
const listen = () => net.createServer(answer).listen(11300)

export default between(listen, async () => {
  const jobs = new JackdClient()
  await jobs.connect({ host: 'server', port: 11300 })
  const first = jobs.reserve()
  jobs.reserve().catch(() => {})
  assert.equal(String((await first).payload), 'hello')
  jobs.socket.destroy()
})
