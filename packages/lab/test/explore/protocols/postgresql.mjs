// PostgreSQL over PGlite, which is PostgreSQL in WebAssembly, and pg.
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import { serialize } from 'pg-protocol'
import { hosts } from './net.mjs'
import { useDatabase } from './postgresql-client.mjs'

/** The runs of a thread share it, since its start takes half a second, and from nothing three. */
const data = readFileSync(new URL('pglite-data.tar', import.meta.url))
const database = await PGlite.create({ loadDataDir: new Blob([data]) })
// The reply to the first query has parameters that later ones do not have.
for (const message of [
  serialize.startup({ user: 'postgres', database: 'postgres' }),
  serialize.query('SELECT 1'),
]) {
  await database.execProtocolRaw(message)
}

const TERMINATE = 'X'.charCodeAt(0)

/** Returns a server of one connection at a time, which has the only session of the database. */
function databaseServer() {
  return net.createServer(async socket => {
    let rest = Buffer.alloc(0)
    let isStarted = false
    for await (const chunk of socket.on('error', () => {})) {
      rest = Buffer.concat([rest, chunk])
      // Replies leave together, as PostgreSQL flushes them at the end of a query.
      const replies = []
      // The first message has no type.
      for (let at = isStarted ? 1 : 0; rest.length >= at + 4; at = 1) {
        const length = at + rest.readUInt32BE(at)
        if (rest.length < length) break
        const message = rest.subarray(0, length)
        rest = rest.subarray(length)
        if (isStarted && message[0] === TERMINATE) {
          socket.end()
          return
        }
        isStarted = true
        replies.push(await database.execProtocolRaw(message))
      }
      const reply = Buffer.concat(replies)
      if (reply.length > 0) {
        socket.write(reply)
      }
    }
  })
}

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  // A run that failed has left its transaction and its table.
  await database.exec('ROLLBACK')
  await database.exec('DISCARD ALL')
  await server.listen(databaseServer(), 5432)
  await useDatabase(client)
}
