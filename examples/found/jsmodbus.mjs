// jsmodbus 5.0.0: after a reply that was cut, each request over the next connection fails.
import net from 'node:net'
import Modbus from 'jsmodbus'
import { at, between } from './network.mjs'

export const promise = 'README: "for reconnecting see node-net-reconnect npm module"'
// The second part of the first reply, which has more registers than the others.
export const options = at('reset', 'src port 502 and len = 72')

/** As many registers as the request asks for. */
const reply = ({ 0: a, 1: b, 11: count }) =>
  Buffer.from([a, b, 0, 0, 0, 3 + 2 * count, 1, 3, 2 * count, ...Array(2 * count).fill(1)])
const answer = socket =>
  socket
    .on('error', () => {})
    .on('data', request => {
      const whole = reply(request)
      socket.write(whole.subarray(0, 9))
      setTimeout(() => socket.write(whole.subarray(9)), 50)
    })

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
    await client.readHoldingRegisters(0, 3).catch(() => {})
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
