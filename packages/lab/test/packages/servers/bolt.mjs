/** Bolt 4.4, the protocol of Neo4j: each query is one product. */
import { messageServer } from './listening.mjs'

const HANDSHAKE = 0x6060
const [HELLO, RUN, PULL, SUCCESS, RECORD] = [0x01, 0x10, 0x3f, 0x70, 0x71]
const string = text => Buffer.from([0x80 + text.length, ...Buffer.from(text)])
const map = entries => Buffer.concat([Buffer.of(0xa0 + entries.length), ...entries.flat()])
/** A structure of one field, in one chunk. */
const message = (type, field) => Buffer.from([0, 2 + field.length, 0xb1, type, ...field, 0, 0])
const success = (...entries) => message(SUCCESS, map(entries))

function answerTo(chunk, socket) {
  if (chunk.readUInt16BE(0) === HANDSHAKE) return Buffer.of(0, 0, 4, 4)
  // The end of a message is an empty chunk.
  if (chunk.length === 2) return undefined
  const type = chunk[3]
  if (type === HELLO) {
    return success(
      [string('server'), string('Neo4j/4.4.0')],
      [string('connection_id'), string('bolt-1')],
    )
  }
  if (type === RUN) {
    const [, a, b] = /(\d+) \* (\d+)/.exec(chunk.toString('latin1'))
    socket.product = a * b
    return success([string('fields'), Buffer.of(0x91), string('product')])
  }
  if (type === PULL) {
    return Buffer.concat([message(RECORD, Buffer.of(0x91, socket.product)), success()])
  }
  return success()
}

const lengthOf = bytes => {
  if (bytes.length < 2) return 2
  const length = bytes.readUInt16BE(0)
  return length === HANDSHAKE ? 20 : 2 + length
}
export const boltServer = () => messageServer(7687, lengthOf, answerTo)
