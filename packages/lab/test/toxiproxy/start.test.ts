/** The API before the lab is ready. */
import { expect, test } from 'vitest'
import type { Packets } from '../../src/toxiproxy/proxies.ts'
import { served } from '../support/toxiproxy-api.ts'

function pending() {
  let resolve: (packets: Packets) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const packets = new Promise<Packets>((...both) => {
    ;[resolve, reject] = both
  })
  return { packets, resolve, reject }
}

const PROXY = { name: 'a', listen: '127.0.0.1:0', upstream: '127.0.0.1:9' }

test('a proxy is made when the lab is ready, and other requests do not wait', async () => {
  const { packets, resolve } = pending()
  const { call } = await served({}, undefined, packets)
  const order: string[] = []
  const made = call('POST /proxies', PROXY).finally(() => order.push('proxy'))
  expect(await call('GET /proxies')).toMatchObject({ status: 200, text: '{}' })
  order.push('list')
  resolve({ why: 'this is a test' })
  expect(await made).toMatchObject({ status: 201 })
  expect(order).toEqual(['list', 'proxy'])
})

test('a lab that cannot be started fails the requests that need it, with its error', async () => {
  const { packets, reject } = pending()
  const { call } = await served({}, undefined, packets)
  const made = call('POST /proxies', PROXY)
  reject(new Error('spawn node EAGAIN'))
  const failed = { status: 500, text: '{"error":"spawn node EAGAIN","status":500}\n' }
  expect(await made).toMatchObject(failed)
  expect(await call('POST /proxies', PROXY)).toMatchObject(failed)
})
