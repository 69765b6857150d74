/** PostgreSQL in WebAssembly (PGlite), which has one session, with its protocol on a port. */
import net from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import { listening } from './listening.mjs'

const TERMINATE = 'X'.charCodeAt(0)
const database = PGlite.create()
/** Stops a timer of 10 s for statistics, which would see the times of both worlds. */
const WRITE_STATISTICS = 'select pg_stat_force_next_flush()'

/** Serves one connection at a time. */
async function serveClient(socket, db) {
  let [rest, isStarted] = [Buffer.alloc(0), false]
  for await (const chunk of socket.on('error', () => {})) {
    rest = Buffer.concat([rest, chunk])
    // The first message has no type.
    for (let at = isStarted ? 1 : 0; rest.length >= at + 4; at = 1) {
      const length = at + rest.readUInt32BE(at)
      if (rest.length < length) break
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      if (isStarted && message[0] === TERMINATE) return socket.end()
      isStarted = true
      socket.write(await db.execProtocolRaw(message))
    }
  }
}

export const postgresServer = async () => {
  const db = await database
  return listening(
    net.createServer(socket =>
      serveClient(socket, db)
        .catch(() => socket.destroy())
        .then(() => db.exec(WRITE_STATISTICS)),
    ),
    5432,
  )
}
