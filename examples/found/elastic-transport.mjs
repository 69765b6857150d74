// @elastic/transport 9.4.0: requestTimeout ends at the headers, and a body may never end.
import http from 'node:http'
import { Transport, UndiciConnection, WeightedConnectionPool } from '@elastic/transport'
import { at, between } from './network.mjs'

export const promise =
  '@elastic/elasticsearch, requestTimeout: "Max request timeout in milliseconds for each request"'
// The second half of the body.
export const options = at(
  'silence forever',
  'src port 9200 and tcp[tcpflags] & tcp-push != 0 and less 100',
)

const answer = (_, reply) => {
  reply.writeHead(200, { 'content-type': 'application/json', 'content-length': 8 }).write('{"a"')
  setTimeout(() => reply.end(': 1}'), 300)
}
const ask = () => {
  const connectionPool = new WeightedConnectionPool({ Connection: UndiciConnection })
  connectionPool.addConnection('http://server:9200')
  const transport = new Transport({ connectionPool, maxRetries: 0 })
  return transport
    .request({ method: 'GET', path: '/' }, { requestTimeout: 3000 })
    .catch(() => 'an error is right')
}

export default between(
  () => http.createServer(answer).listen(9200),
  ({ settles }) => settles(ask(), { within: '9s' }),
)
