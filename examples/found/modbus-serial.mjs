// modbus-serial 8.0.25: close() never calls back after a reset of the TCP connection.
import net from 'node:net'
import { promisify } from 'node:util'
import ModbusRTU from 'modbus-serial'
import { at, between } from './network.mjs'

export const promise = 'index.js, close(): "the function to call next on close success or failure"'
export const options = at('reset', 'src port 502 and tcp[tcpflags] & tcp-push != 0')

// One register, of 42.
const reply = ([a, b]) => Buffer.from([a, b, 0, 0, 0, 5, 1, 3, 2, 0, 42])
const answer = socket =>
  socket.on('error', () => {}).on('data', request => socket.write(reply(request)))

export default between(
  () => net.createServer(answer).listen(502),
  async ({ lab, settles }) => {
    const client = new ModbusRTU().on('error', () => {})
    await client.connectTCP('server', { port: 502 })
    client.setID(1)
    client.setTimeout(1000)
    await client.readHoldingRegisters(0, 1).catch(() => {})
    await lab.sleep(100)
    await settles(promisify(client.close).call(client), { within: '5s' })
  },
)
