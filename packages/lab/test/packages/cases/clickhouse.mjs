import http from 'node:http'
import { createClient } from '@clickhouse/client'
import { listening } from '../servers/listening.mjs'

/** Answers a query as ClickHouse's HTTP interface does. */
const answerTo = async (request, response) => {
  let sql = ''
  for await (const chunk of request) {
    sql += chunk
  }
  const [, a, b] = /(\d+) \* (\d+)/.exec(sql)
  response.end(JSON.stringify({ data: [{ product: a * b }], rows: 1 }))
}
export const serve = () => listening(http.createServer(answerTo), 8123)
export const answer = 42
export const ask = async () => {
  const client = createClient({ url: 'http://server:8123' })
  const { data } = await (
    await client.query({ query: 'select 6 * 7 as product', format: 'JSON' })
  ).json()
  await client.close()
  return data[0].product
}
