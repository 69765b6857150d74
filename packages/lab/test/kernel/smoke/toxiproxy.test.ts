/** `vnet toxiproxy`: a toxic of packets holds back a connection until a client removes it. */

import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { spawnVnet } from '#support/vnet-process.ts'
import { echo } from '../../support/toxiproxy.ts'

test('a toxic over HTTP loses the packets of a connection until it is removed', async () => {
  const server = net.createServer(socket => void socket.on('error', () => {}).pipe(socket))
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const vnet = await spawnVnet(['toxiproxy', '--port', '0'], { until: /^ready: / })
  const [url = ''] = /http:\S+(?=,)/.exec(await vnet.line(/ready/)) ?? []
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${url}${path}`, { method, body: JSON.stringify(body) ?? null })
    expect(response.ok, path).toBe(true)
    return response
  }
  const upstream = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const connect = async (name: string) => {
    const made = await send('POST', '/proxies', { name, listen: '127.0.0.1:0', upstream })
    const { listen } = (await made.json()) as { listen: string }
    const socket = net.connect(Number(listen.split(':')[1]), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    return socket
  }
  const [socket, other] = [await connect('a'), await connect('b')]
  expect(await echo(socket, 'a')).toBe('a')

  const loss = { type: 'packet_loss', stream: 'downstream', attributes: { percent: 100 } }
  await send('POST', '/proxies/a/toxics', loss)
  const got: string[] = []
  const echoed = echo(socket, 'b').then(text => got.push(text))
  expect([await echo(other, 'c'), got]).toEqual(['c', []])
  await send('DELETE', '/proxies/a/toxics/packet_loss_downstream')
  await echoed
  expect(got).toEqual(['b'])
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
})
