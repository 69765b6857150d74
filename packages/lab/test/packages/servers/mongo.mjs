/** MongoDB's protocol, with `hello` and `multiply`, of which clients know nothing. */
import { deserialize, serialize } from 'bson'
import { messageServer } from './listening.mjs'

const [OP_REPLY, OP_QUERY, OP_MSG] = [1, 2004, 2013]
const hello = () => ({
  isWritablePrimary: true,
  helloOk: true,
  minWireVersion: 0,
  maxWireVersion: 21,
})
const commands = {
  hello,
  ismaster: hello,
  multiply: ({ multiply: [a, b] }) => ({ product: a * b }),
}

function answerTo(message) {
  const isQuery = message.readInt32LE(12) === OP_QUERY
  // A query has flags, the name of a collection, and two numbers before the document.
  const at = isQuery ? message.indexOf(0, 20) + 9 : 21
  const command = deserialize(message.subarray(at, at + message.readInt32LE(at)))
  const run = commands[Object.keys(command)[0]]
  const document = serialize({ ...run?.(command), ok: 1 })
  const reply = Buffer.alloc((isQuery ? 36 : 21) + document.length)
  reply.writeInt32LE(reply.length, 0)
  message.copy(reply, 8, 4, 8)
  reply.writeInt32LE(isQuery ? OP_REPLY : OP_MSG, 12)
  if (isQuery) {
    reply.writeInt32LE(1, 32)
  }
  reply.set(document, reply.length - document.length)
  return reply
}

const lengthOf = bytes => (bytes.length < 4 ? 4 : bytes.readInt32LE(0))
export const mongoServer = () => messageServer(27017, lengthOf, answerTo)
