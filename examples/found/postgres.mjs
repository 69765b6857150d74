// postgres 3.4.9: a new connection that is reset at its type query ends the process.
import postgres from 'postgres'
import { serve } from '../servers/postgresql.mjs'
import { at, between } from './network.mjs'

export const promise =
  'README, The Connection Pool: "[...] you don\'t have to handle errors out of context."'
export const options = at('reset', 'dst port 5432 and greater 250') // The question for the types.

const listen = () => serve()

export default between(listen, async ({ lab }) => {
  const sql = postgres({ host: 'server', user: 'user' })
  await sql`select 1`.catch(() => 'an error is right')
  await lab.sleep(100)
  await sql.end({ timeout: 1 })
})
