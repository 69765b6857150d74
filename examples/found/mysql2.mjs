// mysql2 3.24.6: the timeout of a query leaves its connection in the pool.
import mysql from 'mysql2'
import { serve } from '../servers/mysql.mjs'
import { at, between } from './network.mjs'

export const promise =
  'Query.d.ts, timeout: "when a timeout is reached, the connection it occurred on will be destroyed [...]"'
export const options = at('silence 40s', 'dst port 3306 and greater 500')

const listen = () => serve()

export default between(listen, async ({ settles }) => {
  const pool = mysql.createPool({
    host: 'server',
    user: 'root',
    connectionLimit: 1,
    connectTimeout: 2000,
  })
  const query = sql => new Promise(resolve => pool.query({ sql, timeout: 2000 }, resolve))
  await query(`select '${'a'.repeat(500)}'`)
  await settles(query('select 2'), { within: '9s' }) // An error is right, too.
  pool.end(() => {})
})
