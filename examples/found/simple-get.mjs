// simple-get 4.0.1: get.concat() never calls back if a compressed body breaks, in spite of timeout.
import http from 'node:http'
import zlib from 'node:zlib'
import get from 'simple-get'
import { at, between } from './network.mjs'

export const promise =
  'README: "If the request takes longer than `timeout` [...], then the entire request will fail"'
// The second part of the body.
export const options = at('silence forever', 'src port 80 and len = 1066')

const body = zlib.gzipSync('a'.repeat(2000), { level: 0 })
function answer(_, reply) {
  reply.setHeader('content-encoding', 'gzip').setHeader('content-length', body.length)
  reply.write(body.subarray(0, -1000))
  setTimeout(() => reply.end(body.subarray(-1000)), 50)
}

export default between(
  () => http.createServer(answer).listen(80),
  ({ settles }) => {
    const called = new Promise(resolve =>
      get.concat({ url: 'http://server/', timeout: 1000 }, resolve),
    )
    return settles(called, { within: '5s', what: 'get.concat()' })
  },
)
