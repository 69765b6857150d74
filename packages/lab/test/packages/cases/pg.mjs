import pg from 'pg'
import { postgresServer } from '../servers/postgres.mjs'

export const serve = postgresServer
export const answer = 42
export const ask = async () => {
  const client = new pg.Client({ host: 'server', user: 'postgres', database: 'postgres' })
  await client.connect()
  const { rows } = await client.query('select $1::int * 7 as product', [6])
  await client.end()
  return rows[0].product
}
