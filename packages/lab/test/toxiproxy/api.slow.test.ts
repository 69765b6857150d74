/** Requests to the API of `vnet toxiproxy` that are large, or many. */
import { expect, test } from 'vitest'
import { serve } from '../support/toxiproxy-api.ts'

test('bodies of more than 4 MiB and more than 64 toxics are refused', async () => {
  const call = await serve()
  expect(await call('POST /proxies', ' '.repeat(5_000_000))).toMatchObject({ status: 413 })
  await call('POST /proxies', { name: 'a', upstream: 'u:1', enabled: false })
  const add = (name: string) => call('POST /proxies/a/toxics', { type: 'latency', name })
  for (let i = 0; i < 64; i++) {
    expect(await add(`t${i}`)).toMatchObject({ status: 200 })
  }
  expect(await add('one more')).toMatchObject({ status: 400 })
})

test('values of a wrong type are refused with a short message however long or deep they are', async () => {
  const call = await serve()
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  for (const value of [deep, JSON.stringify('x'.repeat(1_000_000)), `{"a":${deep}}`]) {
    const { status, text } = await call(
      'POST /proxies',
      `{"name":"a","upstream":"u:1","enabled":${value}}`,
    )
    expect({ status, text }).toEqual({
      status: 400,
      text: expect.stringContaining('into the boolean enabled'),
    })
    expect(text.length).toBeLessThan(200)
  }
})
