// simple-get 4.0.1: get.concat never calls back if a compressed body stalls, or is cut.
import net from 'node:net'
import zlib from 'node:zlib'
import get from 'simple-get'
import { at, between } from './network.mjs'

export const promise =
  'README, `timeout`: "[...] then the entire request will fail with an `Error`."'
export const options = at('silence forever', 'src port 80 and tcp[tcpflags] & tcp-push != 0')

const body = zlib.gzipSync('x'.repeat(1000))
const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`
const answer = socket =>
  socket
    .on('error', () => {})
    .once('data', () => {
      socket.write(head)
      setTimeout(() => socket.write(body), 100)
    })
const listen = () => net.createServer(answer).listen(80)

export default between(listen, async ({ settles }) => {
  const options = { url: 'http://server', timeout: 1000 }
  await settles(new Promise(resolve => get.concat(options, resolve)), { within: '5s' })
})
