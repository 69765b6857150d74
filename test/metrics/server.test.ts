/** The server of /metrics: where it listens, whom it answers, and in which format. */
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { parseAddress } from '../../src/metrics/address.ts'
import { serveMetrics } from '../../src/metrics/server.ts'

const nothing = async () => ({ devices: [], vnets: [{ pid: 7, replied: 0.5, runtime: undefined }] })

interface Reply {
  readonly status: number | undefined
  readonly type: string | undefined
  readonly text: string
}

function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, method, agent: false }, async response => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      resolve({ status: response.statusCode, type: response.headers['content-type'], text })
    })
    asked.on('error', reject).end()
  })
}

test('an address is a port, on 127.0.0.1, or an IP address and a port', () => {
  expect(parseAddress('9100')).toEqual({ host: '127.0.0.1', port: 9100 })
  expect(parseAddress('192.0.2.1:0')).toEqual({ host: '192.0.2.1', port: 0 })
  expect(parseAddress('[::1]:9100')).toEqual({ host: '::1', port: 9100 })
  for (const text of ['', 'x', '65536', '::1:9100', '[192.0.2.1]:1', 'localhost:1', ':1', '1:', '-1']) {
    expect([text, parseAddress(text)]).toEqual([text, undefined])
  }
})

test('who accepts OpenMetrics gets it, everyone else the text format of Prometheus', async () => {
  await using server = await serveMetrics({ host: '127.0.0.1', port: 0 }, nothing)
  const plain = await get(server.url)
  expect(plain).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' })
  expect(plain.text).toContain('vnet_up{pid="7"} 1\n')
  const open = await get(server.url, { accept: 'application/openmetrics-text; version=1.0.0,text/plain;q=0.5' })
  expect(open.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  expect(open.text).toMatch(/\n# EOF\n$/)
})

test('a foreign Host, another path and another method are refused without reading anything', async () => {
  let reads = 0
  const read = () => {
    reads++
    return nothing()
  }
  await using server = await serveMetrics({ host: '127.0.0.1', port: 0 }, read)
  for (const host of ['evil.example', 'evil.example:80', 'localhost.evil.example', '[::1']) {
    expect((await get(server.url, { host })).status).toBe(403)
  }
  expect((await get(server.url.replace('/metrics', '/'))).status).toBe(404)
  expect((await get(server.url, {}, 'POST')).status).toBe(405)
  expect(reads).toBe(0)
  for (const host of ['localhost', 'localhost:1', '[::1]:1']) expect((await get(server.url, { host })).status).toBe(200)
})

test('a request that fails is cut off, and the next is served', async () => {
  let isBroken = true
  const read = () => (isBroken ? Promise.reject(new Error('broken')) : nothing())
  await using server = await serveMetrics({ host: '127.0.0.1', port: 0 }, read)
  await expect(get(server.url)).rejects.toThrow('socket hang up')
  isBroken = false
  expect((await get(server.url)).status).toBe(200)
})
