// NATS over a small server and nats.
import { once } from 'node:events'
import net from 'node:net'
import { useNats } from './nats-client.mjs'
import { hosts } from './net.mjs'

const INFO = {
  server_id: 'small',
  version: '2.9.10',
  proto: 1,
  max_payload: 1_048_576,
  headers: false,
}

/** Returns whether a subscription includes a subject. `*` stands for any word. */
function isOf(subject, subscribed) {
  const [words, wanted] = [subject.split('.'), subscribed.split('.')]
  return (
    words.length === wanted.length && wanted.every((word, i) => word === '*' || word === words[i])
  )
}

/** Returns a server with the commands CONNECT, PING, SUB, UNSUB and PUB. */
function natsServer() {
  const subscriptions = new Set()
  const serve = (socket, [command, ...args], payload) => {
    if (command === 'PING') {
      socket.write('PONG\r\n')
    }
    if (command === 'SUB') {
      subscriptions.add({ socket, subject: args[0], id: args.at(-1) })
    }
    if (command === 'UNSUB') {
      for (const each of subscriptions) {
        if (each.socket === socket && each.id === args[0]) {
          subscriptions.delete(each)
        }
      }
    }
    if (command !== 'PUB') return
    const [subject, ...reply] = args.slice(0, -1)
    for (const each of subscriptions) {
      if (!isOf(subject, each.subject)) continue
      each.socket.write(
        `${['MSG', subject, each.id, ...reply, payload.length].join(' ')}\r\n${payload}\r\n`,
        'latin1',
      )
    }
  }
  return net.createServer(socket => {
    let text = ''
    socket.setEncoding('latin1').on('error', () => {})
    socket.on('data', chunk => {
      text += chunk
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const words = text.slice(0, end).split(' ')
        const from = end + 2
        const to = words[0] === 'PUB' ? from + Number(words.at(-1)) + 2 : from
        if (text.length < to) return
        serve(socket, words, text.slice(from, Math.max(from, to - 2)))
        text = text.slice(to)
      }
    })
    socket.write(`INFO ${JSON.stringify(INFO)} \r\n`)
  })
}

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  const small = natsServer()
  await server.listen(small, 4222)
  const connected = once(small, 'connection')
  await useNats(client)
  // The scenario ends after the last packets of both ends.
  const [socket] = await connected
  if (!socket.closed) {
    await once(socket, 'close')
  }
}
