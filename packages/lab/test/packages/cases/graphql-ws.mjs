import { once } from 'node:events'
import { GraphQLInt, GraphQLObjectType, GraphQLSchema } from 'graphql'
import { createClient } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocket, WebSocketServer } from 'ws'

const product = {
  type: GraphQLInt,
  args: { a: { type: GraphQLInt }, b: { type: GraphQLInt } },
  resolve: (_, { a, b }) => a * b,
}
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { product } }),
})
export const serve = async () => {
  const server = new WebSocketServer({ port: 80 })
  const ended = useServer({ schema }, server)
  await once(server, 'listening')
  return () => ended.dispose()
}
export const answer = 42
export const ask = async () => {
  const client = createClient({ url: 'ws://server/', webSocketImpl: WebSocket, lazy: true })
  const { value } = await client.iterate({ query: '{ product(a: 6, b: 7) }' }).next()
  await client.dispose()
  return value.data.product
}
