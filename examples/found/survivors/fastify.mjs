// fastify 5.12.8: a client sees an error if the stream that it is sent breaks.
import assert from 'node:assert/strict'
import http from 'node:http'
import Fastify from 'fastify'
import { every } from '../network.mjs'

export const promise =
  'Server.md, setErrorHandler: "Stream errors thrown during piping into the response socket [...]"'
export const options = { ...every, links: ['server-store'] }

export default async function scenario({ lab, settles }) {
  const [client, server, store] = lab.hosts('client', 'server', 'store')
  await lab.cable(client, server)
  await lab.cable(server, store)
  const send = reply => {
    reply.write('he')
    setTimeout(() => reply.end('re'), 100)
  }
  await store.run(() => http.createServer((_, reply) => send(reply)).listen(9000))
  await server.run(async () => {
    const get = () =>
      new Promise((resolve, reject) => http.get('http://store:9000/', resolve).on('error', reject))
    const app = Fastify().get('/', async (_, reply) => reply.send(await get()))
    await app.listen({ port: 80, host: '::' })
  })
  const ask = async () => (await fetch('http://server/')).text()
  const text = await settles(
    client.run(ask).catch(() => 'error'),
    { within: '60s' },
  )
  assert.match(text, /^here$|error/i)
}
