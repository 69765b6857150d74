import pg from 'pg'
import { same } from './net.mjs'

/** Fills a temporary table in a transaction on the host `server`, and reads it. */
export async function useDatabase(host) {
  const stream = () => {
    const socket = host.createConnection(5432, 'server')
    // pg connects the stream that it is given, which would be a second time.
    socket.connect = () => socket
    return socket
  }
  const client = new pg.Client({ host: 'server', user: 'postgres', database: 'postgres', stream })
  await client.connect()
  await client.query('CREATE TEMPORARY TABLE t (n integer)')
  await client.query('BEGIN')
  await client.query('INSERT INTO t SELECT generate_series($1::integer, $2::integer)', [1, 10])
  await client.query('COMMIT')
  const { rows } = await client.query('SELECT sum(n) AS sum FROM t')
  same(rows[0].sum, '55')
  await client.end()
}
