/** Faults at a byte of one connection, by the number of its SYN. */
import net, { type Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { ByteFaultAction } from '../../src/carrier/protocol.ts'
import { memoryLabs } from '../support/memory-lab.ts'

const { made } = memoryLabs()

/** Returns a lab with a server that sends 10 bytes for each question of 8 bytes. */
async function answering() {
  const lab = await made()
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const answers = net.createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', () => socket.write('the answer'))
  })
  await server.listen(answers, 80)
  return { lab, client, link }
}

/** Asks once. Returns what has arrived in 10 s, and how the connection has ended. */
async function ask(socket: Socket, sleep: (ms: number) => Promise<void>): Promise<string> {
  let seen = ''
  socket.removeAllListeners()
  const ended = new Promise<void>(resolve => {
    socket.on('data', data => {
      seen += data
      if (seen.length >= 10) {
        resolve()
      }
    })
    socket.on('end', () => {
      seen += ' end'
      resolve()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      seen += ` ${error.code}`
      resolve()
    })
  })
  socket.write('question')
  await Promise.race([ended, sleep(10_000)])
  return seen
}

test.each([
  ['fin', 'the  end'],
  ['reset', 'the  ECONNRESET'],
  ['mute', 'the '],
  ['silence', 'the '],
] as const)('a %s hits the connection of its number only', async (action, expected) => {
  const { lab, client, link } = await answering()
  const sleep = lab.sleep.bind(lab)
  const fault = await link.addConnectionFault('ba', action, 4, 2)
  const [one, two] = [await client.connect(80, 'server'), await client.connect(80, 'server')]
  expect(await ask(one, sleep)).toBe('the answer')
  expect(fault.hits).toBe(0)
  expect(await ask(two, sleep)).toBe(expected)
  expect(fault.hits).toBe(1)
  const isOfLink = action === 'mute' || action === 'silence'
  expect(await ask(one, sleep)).toBe(isOfLink ? '' : 'the answer')
  await fault.remove()
})

test('segments of an older connection are dropped with a reason, and not counted', async () => {
  const { lab, client, link } = await answering()
  const sleep = lab.sleep.bind(lab)
  const older = await client.connect(80, 'server')
  const fault = await link.addConnectionFault('ba', 'reset', 0, 1)
  expect(await ask(older, sleep)).toBe('')
  expect(fault.hits).toBe(0)
  const { ab } = await link.stats()
  expect(ab.stages[0]!.drops).toEqual({ 'older connection': expect.any(Number) })
  expect(await ask(await client.connect(80, 'server'), sleep)).toBe(' ECONNRESET')
  expect(fault.hits).toBe(1)
})

test('a SYN that a server repeats from an earlier run opens no connection', async () => {
  const { lab, client, link } = await answering()
  const muted = await link.addConnectionFault('ba', 'mute', -1, 1)
  const lost = client.createConnection(80, 'server')
  await muted.hit()
  lost.destroy()
  await muted.remove()
  const fault = await link.addConnectionFault('ba', 'reset', 0, 1)
  // The server repeats it after a second.
  await lab.sleep(1500)
  const { ba } = await link.stats()
  expect(ba.stages[0]!.drops).toEqual({ 'older connection': 1 })
  const socket = await client.connect(80, 'server')
  expect(await ask(socket, lab.sleep.bind(lab))).toBe(' ECONNRESET')
  expect(fault.hits).toBe(1)
})

test('only what is at the byte counts, in its direction', async () => {
  const { lab, client, link } = await answering()
  const actions: readonly ByteFaultAction[] = ['reset', 'fin']
  for (const action of actions) {
    const fault = await link.addConnectionFault('ab', action, 8, 1)
    expect(await ask(await client.connect(80, 'server'), lab.sleep.bind(lab))).toBe('the answer')
    expect(fault.hits).toBe(0)
    await fault.remove()
  }
})
