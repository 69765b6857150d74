// kafkajs 2.2.4: after a late first reply, connect() succeeds and all calls fail.
import net from 'node:net'
import { Kafka } from 'kafkajs'
import { at, between } from './network.mjs'

export const promise =
  'Docs, Default Retry: "the retry mechanism, [...] to retry connections and API calls to Kafka"'
// ApiVersions. An error breaks the promise, too.
export const options = { ...at('mute 3s', 'dst port 9092 and len = 87'), strict: true }

// To ApiVersions, which is version 0 of all, and to Metadata.
const answers = {
  18: '000000000003000000000000000300000000001200000000',
  3: '000000010000000100067365727665720000238400000001000000016100000001000000000000000000010000000000000000',
}
const serve = socket => {
  socket.on('error', () => {})
  socket.on('data', request => {
    const answer = answers[request.readInt16BE(4)]
    if (!answer) return
    const body = Buffer.concat([request.subarray(8, 12), Buffer.from(answer, 'hex')])
    socket.write(Buffer.concat([Buffer.of(0, 0, 0, body.length), body]))
  })
}
const listen = () => net.createServer(serve).listen(9092)

export default between(listen, async ({ lab }) => {
  const producer = new Kafka({
    brokers: ['server:9092'],
    logLevel: 0,
    requestTimeout: 500,
  }).producer()
  await producer.connect()
  await lab.sleep(6000) // The network is well again.
  await producer
    .send({ topic: 'a', acks: 0, messages: [{ value: 'hello' }] })
    .finally(() => producer.disconnect())
})
