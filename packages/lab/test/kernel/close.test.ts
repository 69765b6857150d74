/** The end of a lab after its test has removed the listeners of programs, workers and servers. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { expect, test } from 'vitest'
import { closeWithin } from '../../src/network/fixture.ts'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

test('a lab ends after a program that has ended without listeners', async () => {
  for (const signal of ['SIGKILL', undefined] as const) {
    const child = client.spawn('sh', ['-c', 'echo up; read line'])
    await once(child.stdout!, 'data')
    child.removeAllListeners()
    child.stdout?.removeAllListeners()
    expect(client.programs?.pids).toEqual([child.pid])
    const ended = once(child, 'exit')
    if (signal === undefined) {
      child.stdin?.end()
    } else {
      child.kill(signal)
    }
    await ended
    // Another process may have its id now.
    expect([client.programs?.pids, client.unclosed]).toEqual([[], []])
  }
  await lab.close()
})

test('a lab ends programs, workers and servers without listeners', async () => {
  await lab.cable(client, server)
  const child = client.spawn('sleep', ['1000'])
  const worker = client.worker(new URL('data:text/javascript,setInterval(() => {}, 1000)'))
  await once(worker, 'online')
  const accepting = http.createServer()
  await server.listen(accepting, 80)
  const connected = once(accepting, 'connection')
  const socket = await client.connect(80, 'server')
  await connected
  const datagrams = await client.createSocket('udp4')
  for (const each of [child, worker, accepting, socket, datagrams]) {
    each.removeAllListeners()
  }
  expect(lab.unclosed).toEqual([
    `program sleep (pid ${child.pid}) of host client`,
    'worker text/javascript,setInterval(() => {}, 1000) of host client',
    'connection to server port 80 of host client',
    'UDP socket of host client',
    'server on port 80 of host server',
    'connection of the server on port 80 of host server',
  ])
  await lab.close()
  expect(lab.unclosed).toEqual([])
})

test('a lab that does not end in time says what is open', async () => {
  const never = net.createServer()
  const close = never.close.bind(never)
  never.close = () => never
  await server.listen(never, 80)
  await expect(closeWithin(lab, 50)).rejects.toThrow(
    'the lab has not ended within 50 ms: a server or a worker does not close; server on port 80 of host server',
  )
  close()
})
