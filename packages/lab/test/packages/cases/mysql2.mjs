import mysql from 'mysql2'
import promises from 'mysql2/promise'

export const serve = () =>
  new Promise(resolve => {
    const server = mysql.createServer()
    const open = new Set()
    server.on('connection', connection => {
      open.add(connection)
      connection.on('error', () => {})
      connection.serverHandshake({
        protocolVersion: 10,
        serverVersion: '8.0.0',
        connectionId: 1,
        statusFlags: 2,
        characterSet: 8,
        capabilityFlags: 0xffffff & ~0x800,
        authCallback: (_client, done) => {
          done()
          // Each command counts its packets, but this server does not.
          connection.sequenceId = 0
        },
      })
      connection.on('query', sql => {
        const [, a, b] = /(\d+) \* (\d+)/.exec(sql)
        const columns = [
          {
            catalog: 'def',
            schema: '',
            table: '',
            orgTable: '',
            name: 'product',
            orgName: '',
            characterSet: 33,
            columnLength: 20,
            columnType: 3,
            flags: 0,
            decimals: 0,
          },
        ]
        connection.writeTextResult([{ product: a * b }], columns)
      })
    })
    server.listen(3306, undefined, undefined, () =>
      resolve(() => new Promise(done => server.close(done))),
    )
  })
export const answer = 42
export const ask = async () => {
  const connection = await promises.createConnection({ host: 'server', user: 'root' })
  const [[{ product }]] = await connection.query('select 6 * 7 as product')
  connection.destroy()
  return product
}
