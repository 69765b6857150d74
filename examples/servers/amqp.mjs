// AMQP 0-9-1: queues, with confirms. The routing key of a message is the name of its queue.
import net from 'node:net'
import { eachMessage, int16, int32, main } from './shared.mjs'

const [METHOD, HEADER, BODY] = [1, 2, 3]

const short = text => String.fromCharCode(text.length) + text
const long = text => int32(text.length) + text
const frame = (type, channel, payload) =>
  `${String.fromCharCode(type)}${int16(channel)}${long(payload)}\xce`
/** Returns a method by its class and number, such as `10 30`. */
const method = (channel, name, args = '') =>
  frame(METHOD, channel, name.split(' ').map(int16).join('') + args)

const start = method(0, '10 10', `\0\x09${long('')}${long('PLAIN')}${long('en_US')}`)
/** The methods that need only a reply: of connections, channels, exchanges, queues and messages. */
const replies = {
  '10 11': ['10 30', int16(0) + int32(131072) + int16(0)],
  '10 40': ['10 41', short('')],
  '10 50': ['10 51'],
  '20 10': ['20 11', long('')],
  '20 40': ['20 41'],
  '40 10': ['40 11'],
  '50 20': ['50 21'],
  '60 10': ['60 11'],
}

/** A connection starts with `AMQP` and a version, 8 bytes. A frame has 8 bytes and its payload. */
const isStart = bytes => bytes[0] === 65
const lengthOf = bytes => (isStart(bytes) || bytes.length < 7 ? 8 : 8 + bytes.readUInt32BE(3))

/** Returns the two short texts at a position of a method, such as an exchange and a key. */
function shortsAt(at, payload) {
  const end = at + 1 + payload.charCodeAt(at)
  return [payload.slice(at + 1, end), payload.slice(end + 1, end + 1 + payload.charCodeAt(end))]
}

/** Sends a message after a method that has its number, its exchange and its key. */
function sendMessage({ send, channels }, number, name, { exchange, key, frames }, before, after) {
  const channel = channels.get(number)
  channel.sent++
  const about = `${int32(0)}${int32(channel.sent)}\0${short(exchange)}${short(key)}`
  send(method(number, name, before + about + after))
  for (const [type, payload] of frames) {
    send(frame(type, number, payload))
  }
}

/** Hands the messages of a queue to its first consumer. */
function deliver({ messages, consumers }) {
  const [consume] = consumers
  while (consume !== undefined && messages.length > 0) {
    consume(messages.shift())
  }
}

/** Keeps a frame of a message. After the last frame, the message is in its queue. */
function receive({ send, channels, queueOf }, number, type, payload) {
  const channel = channels.get(number)
  const { message } = channel
  message.frames.push([type, payload])
  if (type === HEADER) {
    message.left = Buffer.from(payload, 'latin1').readUInt32BE(8)
  } else {
    message.left -= payload.length
  }
  if (message.left > 0) return
  queueOf(message.key).messages.push(message)
  deliver(queueOf(message.key))
  if (channel.isConfirming) {
    channel.confirmed++
    send(method(number, '60 80', `${int32(0)}${int32(channel.confirmed)}\0`))
  }
}

function cancel({ consumers }, tag) {
  const [queue, consume] = consumers.get(tag) ?? []
  queue?.consumers.delete(consume)
}

/** Calls of a session: declare, consume, cancel, publish, get and confirm. */
const methods = {
  '50 10': ({ send, queueOf }, number, [name]) => {
    const { messages, consumers } = queueOf(name)
    const counts = int32(messages.length) + int32(consumers.size)
    send(method(number, '50 11', short(name) + counts))
  },
  '60 20': (session, number, [name, ownTag]) => {
    const queue = session.queueOf(name)
    const tag = ownTag || `consumer-${session.consumers.size + 1}`
    const consume = message => sendMessage(session, number, '60 60', message, short(tag), '')
    session.consumers.set(tag, [queue, consume])
    queue.consumers.add(consume)
    session.send(method(number, '60 21', short(tag)))
    deliver(queue)
  },
  '60 30': (session, number, _, payload) => {
    const [tag] = shortsAt(4, payload)
    cancel(session, tag)
    session.send(method(number, '60 31', short(tag)))
  },
  '60 40': ({ channels }, number, [exchange, key]) => {
    channels.get(number).message = { exchange, key, frames: [], left: 0 }
  },
  '60 70': (session, number, [name]) => {
    const { messages } = session.queueOf(name)
    const message = messages.shift()
    if (message === undefined) return session.send(method(number, '60 72', short('')))
    sendMessage(session, number, '60 71', message, '', int32(messages.length))
  },
  '85 10': ({ send, channels }, number) => {
    channels.get(number).isConfirming = true
    send(method(number, '85 11'))
  },
}

function talk(socket, queueOf) {
  const send = text => socket.write(text, 'latin1')
  const session = { send, queueOf, channels: new Map(), consumers: new Map() }
  socket.once('close', () => [...session.consumers.keys()].map(tag => cancel(session, tag)))
  eachMessage(socket, lengthOf, bytes => {
    if (isStart(bytes)) return send(start)
    const [type, number] = [bytes[0], bytes.readUInt16BE(1)]
    const payload = bytes.toString('latin1', 7, bytes.length - 1)
    if (type === HEADER || type === BODY) return receive(session, number, type, payload)
    const name = `${payload.charCodeAt(1)} ${payload.charCodeAt(3)}`
    if (name === '20 10') {
      session.channels.set(number, { sent: 0, confirmed: 0, isConfirming: false })
    }
    if (name in replies) return send(method(number, ...replies[name]))
    methods[name]?.(session, number, shortsAt(6, payload), payload)
  })
}

export function serve(port = 5672) {
  const queues = new Map()
  const queueOf = name => {
    if (!queues.has(name)) {
      queues.set(name, { messages: [], consumers: new Set() })
    }
    return queues.get(name)
  }
  return net.createServer(socket => talk(socket, queueOf)).listen(port)
}
main(import.meta, serve)
