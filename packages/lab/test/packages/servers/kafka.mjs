/** Kafka with one broker, in version 0 of its protocol: a topic `AxB` has A times B messages. */
import { messageServer } from './listening.mjs'

const int16 = value => Buffer.from([value >> 8, value])
const int32 = value => Buffer.concat([int16(value >> 16), int16(value)])
const string = text => Buffer.concat([int16(text.length), Buffer.from(text)])
const array = (...items) => Buffer.concat([int32(items.length), ...items])
const stringAt = (bytes, at) => bytes.toString('latin1', at + 2, at + 2 + bytes.readInt16BE(at))

const [PRODUCE, METADATA, API_VERSIONS] = [0, 3, 18]
const BROKER = 1
const answers = {
  [API_VERSIONS]: () => {
    const versions = [PRODUCE, METADATA, API_VERSIONS].map(key =>
      Buffer.concat([key, 0, 0].map(int16)),
    )
    return [int16(0), array(...versions)]
  },
  [METADATA]: body => {
    const broker = Buffer.concat([int32(BROKER), string('server'), int32(9092)])
    if (body.readInt32BE(0) === 0) return [array(broker), array()]
    const partition = Buffer.concat([
      int16(0),
      int32(0),
      int32(BROKER),
      array(int32(BROKER)),
      array(int32(BROKER)),
    ])
    const topic = Buffer.concat([int16(0), string(stringAt(body, 4)), array(partition)])
    return [array(broker), array(topic)]
  },
  [PRODUCE]: body => {
    const topic = stringAt(body, 10)
    const [a, b] = topic.split('x')
    const partition = Buffer.concat([int32(0), int16(0), int32(0), int32(a * b)])
    return [array(Buffer.concat([string(topic), array(partition)]))]
  },
}

function answerTo(message) {
  const body = message.subarray(14 + message.readInt16BE(12))
  const reply = Buffer.concat([message.subarray(8, 12), ...answers[message.readInt16BE(4)](body)])
  return Buffer.concat([int32(reply.length), reply])
}

const lengthOf = bytes => (bytes.length < 4 ? 4 : 4 + bytes.readInt32BE(0))
export const kafkaServer = () => messageServer(9092, lengthOf, answerTo)
