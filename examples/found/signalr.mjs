// @microsoft/signalr 10.0.11: a reconnect stops if an upgrade gets no reply.
import { HttpTransportType, HubConnectionBuilder, LogLevel } from '@microsoft/signalr'
import { WebSocketServer } from 'ws'
import { at, between } from './network.mjs'

export const promise =
  'withAutomaticReconnect: "The length of the array represents how many failed reconnect attempts it takes [...]"'
export const options = at('forget on server', 'src port 81 and tcp[tcpflags] = tcp-ack')

const greet = socket => socket.once('message', () => socket.send('{}\x1e'))
const verifyClient = (_, done) => setTimeout(done, 100, true)
const serve = () => {
  const first = new WebSocketServer({ port: 80 }).on('connection', greet)
  first.on('connection', socket => setTimeout(() => socket.terminate(), 1000))
  new WebSocketServer({ port: 81, verifyClient }).on('connection', greet)
}

export default between(serve, async ({ settles }) => {
  const builder = new HubConnectionBuilder().configureLogging(LogLevel.None).withServerTimeout(1000)
  const direct = { skipNegotiation: true, transport: HttpTransportType.WebSockets }
  const hub = builder
    .withAutomaticReconnect([0, 1000, 1000])
    .withUrl('http://server/hub', direct)
    .build()
  await hub.start()
  // It reconnects to another port, so that the filter finds the upgrade.
  hub.onreconnecting(() => {
    hub.baseUrl = 'http://server:81/hub'
  })
  const ended = new Promise(resolve => [hub.onreconnected(resolve), hub.onclose(resolve)])
  await settles(ended, { within: '8s' })
  await hub.stop()
})
