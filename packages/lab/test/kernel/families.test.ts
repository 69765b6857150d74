/** Code of a host tries each address of a name until it fails, however long that takes. */
import { once } from 'node:events'
import net from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createLab } from '../../src/index.ts'

/** Node gives up an address after 250 ms. The first reply of this link takes longer. */
const SLOW = 'delay 200ms'

async function slowLab(wire = SLOW) {
  const lab = await createLab({ world: 'kernel' })
  onTestFinished(() => lab.close())
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire })
  return { lab, client, server }
}

const echo = () => net.createServer(socket => socket.pipe(socket))

async function familyOf(socket: net.Socket): Promise<string | undefined> {
  await once(socket, 'connect')
  const { remoteFamily } = socket
  socket.destroy()
  return remoteFamily
}

test('the first address of a name is tried until it replies', async () => {
  const { client, server } = await slowLab()
  await server.listen(echo(), 7)
  expect(await familyOf(client.run(() => net.connect(7, 'server')))).toBe('IPv4')
})

test('an address that refuses leads to the next one', async () => {
  const { client, server } = await slowLab()
  const [address] = server.addresses.filter(net.isIPv6)
  await server.listen(echo(), 7, address)
  expect(await familyOf(client.run(() => net.connect(7, 'server')))).toBe('IPv6')
})

test('a time for each address that the program gives, or sets for all, remains', async () => {
  const { client, server } = await slowLab()
  await server.listen(echo(), 7)
  const own = { host: 'server', port: 7, autoSelectFamilyAttemptTimeout: 20 }
  expect(await familyOf(client.run(() => net.connect(own)))).toBe('IPv6')
  const before = net.getDefaultAutoSelectFamilyAttemptTimeout()
  onTestFinished(() => net.setDefaultAutoSelectFamilyAttemptTimeout(before))
  net.setDefaultAutoSelectFamilyAttemptTimeout(20)
  expect(await familyOf(client.run(() => net.connect(7, 'server')))).toBe('IPv6')
})

test('a connection that is destroyed while it is tried leaves no timer', async () => {
  const { client } = await slowLab('loss 100%')
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  const socket = client.run(() => net.connect(7, 'server'))
  await once(socket, 'connectionAttempt')
  socket.destroy()
  await once(socket, 'close')
  await new Promise(resolve => setImmediate(resolve))
  expect(timers()).toBeLessThanOrEqual(before)
})
