import { Connection, Request } from 'tedious'
import { tdsServer } from '../servers/tds.mjs'

const settled = start =>
  new Promise((resolve, reject) => start(error => (error ? reject(error) : resolve())))
const authentication = { type: 'default', options: { userName: 'sa', password: '' } }

export const serve = tdsServer
export const answer = 42
export const ask = async () => {
  const connection = new Connection({
    server: 'server',
    authentication,
    options: { encrypt: false },
  })
  await settled(done => connection.connect(done))
  let product
  await settled(done => {
    const request = new Request('select 6 * 7 as product', done)
    request.on('row', ([{ value }]) => {
      product = value
    })
    connection.execSqlBatch(request)
  })
  connection.close()
  return product
}
