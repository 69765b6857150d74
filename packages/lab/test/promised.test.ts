/** The errors of tests that have forgotten an await. */
import { once } from 'node:events'
import http from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLab, type Lab } from '../src/index.ts'

const current: { lab?: Lab } = {}
const lab = () => current.lab as Lab

beforeEach(async () => {
  current.lab = await createLab({ world: 'memory' })
})
afterEach(() => lab().close())

const members = (promise: object) => promise as unknown as Record<string, unknown>
const line = (call: string, member: string) =>
  `${call} returns a promise, which has no ${member}: write await before the call`

test('a cable, a lan and a router that are not awaited are named by their calls', async () => {
  const [a, b] = lab().hosts('a', 'b')
  const link = lab().cable(a, b)
  expect(() => members(link).ab).toThrow(line('lab.cable()', 'ab'))
  expect(() => members(link).down).toThrow(line('lab.cable()', 'down'))
  expect(() => members(link).on).toThrow(line('lab.cable()', 'on'))
  const lan = lab().lan({}, a)
  expect(() => members(lan).portOf).toThrow(line('lab.lan()', 'portOf'))
  const router = lab().router('gate', { inside: [b] })
  expect(() => members(router).run).toThrow(line('lab.router()', 'run'))
  expect((await link).name).toBe('a-b')
  expect((await lan).gateway).toMatch(/^198/)
  expect((await router).name).toBe('gate')
})

test('a fault and a request that are not awaited are named by their calls', async () => {
  const [a, b] = lab().hosts('a', 'b')
  const link = await lab().cable(a, b)
  const fault = link.ab.drop('tcp')
  expect(() => members(fault).hits).toThrow(line('link.ab.drop()', 'hits'))
  const other = link.ba.fault('duplicate')
  expect(() => members(other).expectHit).toThrow(line('link.ba.fault()', 'expectHit'))
  expect([(await fault).hits, (await other).hits]).toEqual([0, 0])
  await (await fault).remove()
  await b.listen(
    http.createServer((_, response) => response.end('x')),
    80,
  )
  const response = a.fetch('http://b/')
  expect(() => members(response).status).toThrow(line('host a: fetch()', 'status'))
  expect((await response).status).toBe(200)
})

test('a promise remains one, and its print has none of these members', async () => {
  const [a, b] = lab().hosts('a', 'b')
  const link = lab().cable(a, b)
  expect(link).toBeInstanceOf(Promise)
  expect(Object.keys(link)).toEqual([])
  const wrong = lab().cable(a, a)
  await expect(wrong).rejects.toThrow('a is named twice')
  await link.finally(() => {})
})

test('a request that the end of the lab interrupts has the name of the host and the remedy', async () => {
  const [a, b] = lab().hosts('a', 'b')
  await lab().cable(a, b)
  const server = http.createServer(() => {})
  await b.listen(server, 80)
  const response = a.run(() => fetch('http://b/'))
  const failed = response.then(
    () => undefined,
    (error: Error) => error.cause,
  )
  await once(server, 'request')
  await lab().close()
  expect(String(await failed)).toContain(
    'host a: the lab has ended during a request: is there an await before the call?',
  )
})
