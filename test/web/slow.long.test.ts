/** Requests that never end hold a connection for seconds, not forever. */
import { expect, test } from 'vitest'
import { served, TOKEN } from './served.ts'

test.each([
  ['headers', 'GET / HTTP/1.1\r\nHost: localhost\r\nX: '],
  [
    'a body',
    `POST /command?token=${TOKEN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
  ],
])('a request with %s that never ends is refused', async (_, bytes) => {
  await using web = await served()
  expect(await web.raw(bytes)).toMatch(/^HTTP\/1.1 408 /)
})
