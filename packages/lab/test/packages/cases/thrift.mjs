import { once } from 'node:events'
import thrift from 'thrift'
import { listening } from '../servers/listening.mjs'

/** What the compiler of Thrift generates for `i32 multiply(1: i32 a, 2: i32 b)`, by hand. */
const { MessageType, Type } = thrift.Thrift
const write = (output, type, id, fields) => {
  output.writeMessageBegin('multiply', type, id)
  for (const [field, value] of Object.entries(fields)) {
    output.writeFieldBegin('', Type.I32, Number(field))
    output.writeI32(value)
  }
  output.writeFieldStop()
  output.flush()
}
const read = input => {
  const values = []
  while (input.readFieldBegin().ftype !== Type.STOP) {
    values.push(input.readI32())
  }
  return values
}
class Processor {
  process(input, output) {
    const { rseqid } = input.readMessageBegin()
    const [a, b] = read(input)
    write(output, MessageType.REPLY, rseqid, { 0: a * b })
  }
}
class Client {
  _reqs = {}
  constructor(transport, Protocol) {
    this.output = new Protocol(transport)
  }
  multiply(a, b, done) {
    this._reqs[1] = done
    write(this.output, MessageType.CALL, 1, { 1: a, 2: b })
  }
  recv_multiply(input, _type, id) {
    this._reqs[id](undefined, read(input)[0])
  }
}

export const serve = () => listening(thrift.createServer({ Processor }), 9090)
export const answer = 42
export const ask = async () => {
  const connection = thrift.createConnection('server', 9090, {})
  await once(connection, 'connect')
  const client = thrift.createClient(Client, connection)
  const product = await new Promise((resolve, reject) =>
    client.multiply(6, 7, (error, value) => (error ? reject(error) : resolve(value))),
  )
  connection.end()
  return product
}
