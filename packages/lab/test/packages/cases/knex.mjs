import knex from 'knex'
import { postgresServer } from '../servers/postgres.mjs'

export const serve = postgresServer
export const answer = 42
export const ask = async () => {
  const connection = { host: 'server', user: 'postgres', database: 'postgres' }
  const db = knex({ client: 'pg', connection, pool: { min: 0, max: 1 } })
  const { rows } = await db.raw('select ?::int * 7 as product', [6])
  await db.destroy()
  return rows[0].product
}
