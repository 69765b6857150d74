/** Scenarios of the search for repairs and schedules. */
import type { LabScenario } from '../../src/index.ts'
import { echoDatagrams } from './echo.ts'

export const OPTIONS = { world: 'memory', captures: false } as const

/** A client that asks three times. The bug: it takes no reply to its third attempt. */
export const asking: LabScenario = async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  await server.start(echoDatagrams)
  const socket = await client.createSocket('udp4')
  const replies: string[] = []
  socket.on('message', message => replies.push(String(message)))
  for (let attempt = 1; attempt <= 3; attempt++) {
    socket.send(String(attempt), 5000, 'server')
    await lab.sleep('1s')
    if (replies.length > 0 && !replies.includes('3')) return
  }
  throw new Error(`no reply of ${replies.length} was taken`)
}

export const requestOf = (n: number) => `client-server ab udp client:* > server:5000 packet ${n}`

export const replyOf = (n: number) => `client-server ba udp server:5000 > client:* packet ${n}`

/** A client that asks once. */
export const once: LabScenario = async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await server.start(echoDatagrams)
  const socket = await client.createSocket('udp4')
  const answered = new Promise(resolve => socket.once('message', resolve))
  socket.send('1', 5000, 'server')
  await answered
}
