/** A scenario with operations and a datagram. */
import type { LabScenario } from '../../src/index.ts'

/** Sends a datagram 10 ms after the start of an operation, which fails if the datagram is lost. */
export const asking: LabScenario = async ({ lab, history }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  const socket = await server.createSocket('udp4', 5000)
  const asker = await client.createSocket('udp4')
  const arrived = new Promise(resolve => socket.once('message', resolve))
  const done = history.invoke('connect', undefined, { process: 'client' })
  history.ok(done, 'yes')
  const call = history.invoke('write', 1, { process: 'client', key: '<x>' })
  await lab.sleep(10)
  asker.send('1', 5000, 'server')
  await Promise.race([
    arrived,
    lab.sleep(100).then(() => Promise.reject(new Error('nothing has arrived'))),
  ])
  history.ok(call)
}
