// HTTP/2 over node:http2 without TLS: two requests at the same time.
import { once } from 'node:events'
import http2 from 'node:http2'
import { hosts, same } from './net.mjs'

async function get(session, path) {
  const request = session.request({ ':path': path })
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
  }
  return text
}

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  const origin = http2.createServer((request, response) => {
    // The compressed date is longer at some times than at others.
    response.sendDate = false
    response.end(`you asked for ${request.url}`)
  })
  await server.listen(origin, 80)
  const socket = await client.connect(80, 'server')
  const session = http2.connect('http://server', { createConnection: () => socket })
  const texts = await Promise.all([get(session, '/a'), get(session, '/b')])
  same(texts.join(), 'you asked for /a,you asked for /b')
  session.close()
  await once(session, 'close')
}
