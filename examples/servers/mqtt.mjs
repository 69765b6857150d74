// MQTT 3.1.1: passes messages on to subscribers, with QoS 0.
import net from 'node:net'
import { eachMessage, int16, main } from './shared.mjs'

/** Returns where the body of a packet starts: the last byte of its length is less than 128. */
const startOf = bytes => bytes.findIndex((byte, i) => i > 0 && byte < 128) + 1

function lengthOf(bytes) {
  const start = startOf(bytes)
  if (start === 0) return Infinity
  return bytes.subarray(1, start).reduceRight((sum, byte) => sum * 128 + (byte & 127), 0) + start
}

function packet(first, body) {
  let head = String.fromCharCode(first)
  let left = body.length
  for (; left > 127; left >>= 7) {
    head += String.fromCharCode((left & 127) | 128)
  }
  return head + String.fromCharCode(left) + body
}

/** Returns the texts in a body, such as topics. `others` is the number of bytes after each. */
function textsIn(body, others) {
  const texts = []
  for (let at = 0; at < body.length; ) {
    const end = at + 2 + body.charCodeAt(at) * 256 + body.charCodeAt(at + 1)
    texts.push(body.slice(at + 2, end))
    at = end + others
  }
  return texts
}

/** Returns whether a topic matches a filter: `+` is any level, and `#` all further levels. */
function matches(filter, topic) {
  const levels = topic.split('/')
  const wanted = filter.replace(/\/?#$/, '').split('/')
  const isSame = (level, i) => level === levels[i] || (level === '+' && i < levels.length)
  if (filter === '#') return true
  return wanted.every(isSame) && (filter.endsWith('#') || wanted.length === levels.length)
}

export function serve(port = 1883) {
  const filtersOf = new Map()
  function publish(topic, text) {
    for (const [socket, filters] of filtersOf) {
      if ([...filters].some(filter => matches(filter, topic))) {
        socket.write(packet(0x30, int16(topic.length) + topic + text), 'latin1')
      }
    }
  }

  function talk(socket) {
    const filters = new Set()
    filtersOf.set(socket, filters)
    socket.once('close', () => filtersOf.delete(socket))
    /** Replies by the type of a packet: CONNECT, PUBLISH, PUBREL, SUBSCRIBE, and so on. */
    const replies = {
      1: () => packet(0x20, '\0\0'),
      3: (body, qos) => {
        const [topic] = textsIn(body, Infinity)
        const start = topic.length + 2
        const end = start + (qos > 0 ? 2 : 0)
        publish(topic, body.slice(end))
        const id = body.slice(start, end)
        return ['', packet(0x40, id), packet(0x50, id)][qos]
      },
      6: id => packet(0x70, id),
      8: body => {
        const topics = textsIn(body.slice(2), 1)
        for (const topic of topics) {
          filters.add(topic)
        }
        return packet(0x90, body.slice(0, 2) + '\0'.repeat(topics.length))
      },
      10: body => {
        for (const topic of textsIn(body.slice(2), 0)) {
          filters.delete(topic)
        }
        return packet(0xb0, body.slice(0, 2))
      },
      12: () => packet(0xd0, ''),
    }
    eachMessage(socket, lengthOf, bytes => {
      const [type, qos] = [bytes[0] >> 4, (bytes[0] >> 1) & 3]
      const reply = replies[type]?.(bytes.toString('latin1', startOf(bytes)), qos)
      socket.write(reply ?? '', 'latin1')
    })
  }
  return net.createServer(talk).listen(port)
}
main(import.meta, serve)
