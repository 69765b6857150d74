// superagent 10.4.2: after a redirect the response timeout is not set again.
import http from 'node:http'
import superagent from 'superagent'
import { at, between } from './network.mjs'

export const promise =
  'lib/request-base.js, timeout(): "time between sending request and receiving the first byte of the response"'
// The reply at the new place. The redirect itself is longer.
export const options = at(
  'silence forever',
  'src port 80 and tcp[tcpflags] & tcp-push != 0 and less 165',
)

const answer = (request, reply) => {
  if (request.url === '/new') {
    setTimeout(() => reply.end('here'), 300)
  } else {
    reply.writeHead(302, { location: '/new' }).end()
  }
}
const ask = () => superagent.get('http://server').timeout({ response: 3000 })

export default between(
  () => http.createServer(answer).listen(80),
  ({ settles }) =>
    settles(
      ask().catch(() => {}),
      { within: '9s' },
    ),
)
