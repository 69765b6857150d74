// @clickhouse/client 1.23.1: a signal does not abort a query after its first rows.
import http from 'node:http'
import { createClient } from '@clickhouse/client'
import { at, between } from './network.mjs'

export const promise =
  'BaseQueryParams.abort_signal: "AbortSignal instance to cancel a request in progress."'
// The end of the reply, 2 bytes.
export const options = at('silence forever', 'src port 8123 and len = 68')

const answer = (_, reply) => {
  reply.writeHead(200, { 'content-length': 11 }).write('{"data":[')
  setTimeout(() => reply.end(']}'), 100)
}
const listen = () => http.createServer(answer).listen(8123)

export default between(listen, async ({ settles }) => {
  const client = createClient({ url: 'http://server:8123', request_timeout: 60_000 })
  const aborting = new AbortController()
  const found = await client.query({ query: 'select 1', abort_signal: aborting.signal })
  setTimeout(() => aborting.abort(), 1000)
  await settles(
    found.json().catch(() => 'an error is right'),
    { within: '5s' },
  )
  await client.close()
})
