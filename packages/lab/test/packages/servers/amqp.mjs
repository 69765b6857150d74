/** AMQP 0-9-1 with queues `AxB`, each with one message, the product. */
import { messageServer } from './listening.mjs'

const [METHOD, HEADER, BODY] = [1, 2, 3]
const numbers = (size, ...values) => {
  const bytes = Buffer.alloc(size * values.length)
  for (const [i, value] of values.entries()) {
    bytes.writeUIntBE(value, i * size, size)
  }
  return bytes
}
const short = text => Buffer.concat([numbers(1, text.length), Buffer.from(text)])
const long = text => Buffer.concat([numbers(4, text.length), Buffer.from(text)])

const frame = (type, channel, ...parts) => {
  const payload = Buffer.concat(parts)
  return Buffer.concat([
    numbers(1, type),
    numbers(2, channel),
    numbers(4, payload.length),
    payload,
    numbers(1, 0xce),
  ])
}
/** A method by its class and number, as `10 11`. */
const method = (channel, name, ...parts) =>
  frame(METHOD, channel, numbers(2, ...name.split(' ')), ...parts)

const start = method(0, '10 10', numbers(1, 0, 9), long(''), long('PLAIN'), long('en_US'))
const answers = {
  '10 11': () => method(0, '10 30', numbers(2, 0), numbers(4, 4096), numbers(2, 0)),
  '10 40': () => method(0, '10 41', short('')),
  '10 50': () => method(0, '10 51'),
  '20 10': channel => method(channel, '20 11', long('')),
  '60 70': (channel, queue) => {
    const [a, b] = queue.split('x')
    const body = Buffer.from(`${a * b}`)
    return Buffer.concat([
      method(
        channel,
        '60 71',
        numbers(4, 0, 1),
        numbers(1, 0),
        short(''),
        short(queue),
        numbers(4, 0),
      ),
      frame(HEADER, channel, numbers(2, 60, 0), numbers(4, 0, body.length), numbers(2, 0)),
      frame(BODY, channel, body),
    ])
  },
}

function answerTo(bytes) {
  if (bytes[0] === 'A'.charCodeAt(0)) return start
  if (bytes[0] !== METHOD) return undefined
  const name = `${bytes.readUInt16BE(7)} ${bytes.readUInt16BE(9)}`
  return answers[name]?.(bytes.readUInt16BE(1), bytes.toString('latin1', 14, 14 + bytes[13]))
}

const lengthOf = bytes =>
  bytes.length < 8 || bytes[0] === 'A'.charCodeAt(0) ? 8 : 8 + bytes.readUInt32BE(3)
export const amqpServer = () => messageServer(5672, lengthOf, answerTo)
