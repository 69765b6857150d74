import { connect, StringCodec } from 'nats'
import { same } from './net.mjs'

const { encode, decode } = StringCodec()
const nats = await connect({ servers: 'server:4222' })
nats.subscribe('upper', {
  callback: (_, message) => message.respond(encode(decode(message.data).toUpperCase())),
})
// A request that is lost has no reply: its timeout is longer than TCP takes to repeat a segment.
const reply = await nats.request('upper', encode('hello'), { timeout: 3000 })
same(decode(reply.data), 'HELLO')
await nats.drain()
