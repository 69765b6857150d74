/** TDS 7.4, the protocol of SQL Server, without encryption: each batch queries a product. */
import { messageServer } from './listening.mjs'

const [SQL_BATCH, RESPONSE, LOGIN, PRELOGIN] = [1, 4, 16, 18]
const int32 = value => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
const wide = text => [text.length, ...Buffer.from(text, 'utf16le')]
const DONE = [0xfd, ...Buffer.alloc(12)]

const answers = {
  // The version, and no encryption.
  [PRELOGIN]: () => [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, 2],
  [LOGIN]: () => [0xad, 10, 0, 1, 0x74, 0, 0, 4, ...wide(''), 16, 0, 0, 0, ...DONE],
  [SQL_BATCH]: batch => {
    const factors = /(\d+) \* (\d+)/.exec(batch.toString('utf16le'))
    if (factors === null) return DONE
    const column = [...int32(0), 0, 0, 0x38, ...wide('product')]
    return [0x81, 1, 0, ...column, 0xd1, ...int32(factors[1] * factors[2]), ...DONE]
  },
}

function answerTo(packet) {
  const payload = answers[packet[0]](packet.subarray(8))
  const length = 8 + payload.length
  return Buffer.from([RESPONSE, 1, length >> 8, length, 0, 0, 1, 0, ...payload])
}

const lengthOf = bytes => (bytes.length < 8 ? 8 : bytes.readUInt16BE(2))
export const tdsServer = () => messageServer(1433, lengthOf, answerTo)
