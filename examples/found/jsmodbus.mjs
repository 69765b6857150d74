// jsmodbus 5.0.0: after a reply that was cut, each request over the next connection fails.
import net from 'node:net'
import Modbus from 'jsmodbus'
import { at, between } from './network.mjs'

export const promise = 'README: "for reconnecting see node-net-reconnect npm module"'
export const options = at('fin', 'src port 502 and tcp[tcpflags] & tcp-push != 0')

// Two registers, of 1 and 2.
const reply = ([a, b]) => Buffer.from([a, b, 0, 0, 0, 7, 1, 3, 4, 0, 1, 0, 2])
const answer = socket =>
  socket.on('error', () => {}).on('data', request => socket.write(reply(request)))

export default between(
  () => net.createServer(answer).listen(502),
  async ({ lab, eventually }) => {
    const socket = new net.Socket()
    const client = new Modbus.client.TCP(socket, 1, 500)
    const connect = () => socket.connect(502, 'server')
    let done = false
    socket.on('error', () => {}).on('close', () => done || setTimeout(connect, 100))
    connect()
    await lab.sleep(500)
    await client.readHoldingRegisters(0, 2).catch(() => {})
    const read = async () => {
      const failed = await client.readHoldingRegisters(0, 2).then(
        () => '',
        error => error.err,
      )
      if (failed) throw new Error(failed)
    }
    await eventually(read, { within: '8s' }).finally(() => {
      done = true
      socket.destroy()
    })
  },
)
