// knex 3.3.0: a timeout with `cancel` waits for the connection that is to cancel the query.
import knex from 'knex'
import { serve } from '../servers/postgresql.mjs'
import { at, between } from './network.mjs'

export const promise =
  'Docs, timeout: "Sets a timeout for the query and will throw a TimeoutError if the timeout is exceeded."'
export const options = at('silence 40s', 'dst port 5432 and greater 400')

const listen = () => serve()

export default between(listen, async ({ settles }) => {
  const db = knex({ client: 'pg', connection: 'pg://user:@server', acquireConnectionTimeout: 2000 })
  const query = db.raw(`select '${'a'.repeat(400)}'`).timeout(2000, { cancel: true })
  await settles(
    query.catch(() => 'an error is right'),
    { within: '9s' },
  )
  await db.destroy()
})
