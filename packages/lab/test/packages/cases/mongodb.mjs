import { MongoClient } from 'mongodb'
import { mongoServer } from '../servers/mongo.mjs'

export const serve = mongoServer
export const answer = 42
export const ask = async () => {
  const client = await new MongoClient('mongodb://server').connect()
  const { product } = await client.db('math').command({ multiply: [6, 7] })
  await client.close()
  return product
}
