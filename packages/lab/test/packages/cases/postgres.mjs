import postgres from 'postgres'
import { postgresServer } from '../servers/postgres.mjs'

export const serve = postgresServer
export const answer = 42
export const ask = async () => {
  const sql = postgres({
    host: 'server',
    user: 'postgres',
    database: 'postgres',
    max: 1,
    fetch_types: false,
  })
  const [{ product }] = await sql`select ${6}::int * 7 as product`
  await sql.end({ timeout: 0 })
  return product
}
