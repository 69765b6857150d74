import { credentials, makeGenericClientConstructor, Server, ServerCredentials } from '@grpc/grpc-js'

const [requestSerialize, requestDeserialize] = [
  value => Buffer.from(JSON.stringify(value)),
  bytes => JSON.parse(bytes),
]
const form = {
  requestSerialize,
  requestDeserialize,
  responseSerialize: requestSerialize,
  responseDeserialize: requestDeserialize,
}
const service = {
  multiply: { path: '/math/multiply', requestStream: false, responseStream: false, ...form },
}
const Client = makeGenericClientConstructor(service, 'math')

export const serve = () =>
  new Promise((resolve, reject) => {
    const server = new Server()
    server.addService(service, { multiply: ({ request: [a, b] }, reply) => reply(null, a * b) })
    const listening = error => (error ? reject(error) : resolve(async () => server.forceShutdown()))
    server.bindAsync('0.0.0.0:50051', ServerCredentials.createInsecure(), listening)
  })
export const answer = 42
export const ask = async () => {
  const client = new Client('server:50051', credentials.createInsecure())
  const product = await new Promise((resolve, reject) =>
    client.multiply([6, 7], (error, value) => (error ? reject(error) : resolve(value))),
  )
  client.close()
  return product
}
