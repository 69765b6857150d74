import neo4j from 'neo4j-driver'
import { boltServer } from '../servers/bolt.mjs'

export const serve = boltServer
export const answer = 42
export const ask = async () => {
  const driver = neo4j.driver('bolt://server', undefined, { disableLosslessIntegers: true })
  const session = driver.session()
  const { records } = await session.run('RETURN 6 * 7 AS product')
  await session.close()
  await driver.close()
  return records[0].get('product')
}
