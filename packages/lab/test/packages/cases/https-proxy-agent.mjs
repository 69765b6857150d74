import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { listening, multiplyingHttp } from '../servers/listening.mjs'

export const serve = async () => {
  const proxy = http.createServer().on('connect', (_request, socket) => {
    const to = net.connect(80, 'localhost', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    for (const [from, other] of [
      [socket, to],
      [to, socket],
    ]) {
      from.on('error', () => other.destroy()).pipe(other)
    }
  })
  const ends = [await multiplyingHttp(), await listening(proxy, 8080)]
  return () => Promise.all(ends.map(end => end()))
}
export const answer = '42'
export const ask = async () => {
  const agent = new HttpsProxyAgent('http://server:8080')
  const [response] = await once(http.get('http://server/6/7', { agent }), 'response')
  return text(response)
}
