// Connects once. The program ends by itself, because no connection is left.
import { connect } from '@nats-io/transport-node'

try {
  const connection = await connect({ servers: 'server', timeout: 400, reconnect: false })
  console.log('connected')
  await connection.close()
} catch (error) {
  console.log(error.message)
}
