/** DNS over TCP: each message behind its length (RFC 1035 sec. 4.2.2). */
import type { Socket } from 'node:net'
import { Transform } from 'node:stream'

/** One that says nothing more for this time is hung up on, ms. */
const IDLE_MS = 10_000

/** Answers the queries of a connection, one after the other, and no faster than they are taken. */
export function serveDnsOverTcp(socket: Socket, answer: (query: Uint8Array) => Uint8Array | undefined): void {
  let rest = Buffer.alloc(0)
  const replies = new Transform({
    transform(chunk, _, done) {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0)
        const reply = answer(rest.subarray(2, end))
        rest = rest.subarray(end)
        if (reply !== undefined) this.push(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 0xff), reply]))
      }
      done()
    },
  })
  socket.setTimeout(IDLE_MS, () => socket.destroy())
  socket.pipe(replies).pipe(socket)
}
