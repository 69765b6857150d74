import { Client } from 'cassandra-driver'
import { cassandraServer } from '../servers/cassandra.mjs'

export const serve = cassandraServer
export const answer = 42
export const ask = async () => {
  const client = new Client({
    contactPoints: ['server'],
    localDataCenter: 'center',
    protocolOptions: { maxVersion: 4 },
    isMetadataSyncEnabled: false,
  })
  const { rows } = await client.execute('select product from products where a = 6 and b = 7')
  await client.shutdown()
  return rows[0].product
}
