/** The page's side of the token: it is never sent, not even to a server that has ended. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ServerToken } from '../../src/http/token.ts'
import { PageSession } from '../../src/page/feed.ts'

const TOKEN = 'a-token-of-32-characters-for-test'

/** All that the page sends. */
let sent: string[]
/** Called with each source that the page opens. */
let onSource: (source: FakeSource) => void
/** The server's reply to a request for a proof. */
let reply: (nonce: string) => object

class FakeSource {
  static readonly CLOSED = 2
  readyState = 1
  onmessage = (_: { data: string; lastEventId: string }) => {}
  onerror = () => {}
  isOpen = true
  readonly url: string

  constructor(url: string) {
    sent.push(url)
    this.url = url
    onSource(this)
  }

  close() {
    this.isOpen = false
  }
}

beforeEach(() => {
  sent = []
  onSource = () => {}
  const server = new ServerToken(TOKEN)
  reply = nonce => server.prove(nonce)
  vi.stubGlobal('EventSource', FakeSource)
  vi.stubGlobal('fetch', async (url: string) => {
    sent.push(url)
    const [, nonce = ''] = /nonce=(.*)$/.exec(url) ?? []
    return Response.json(reply(nonce))
  })
})
afterEach(() => void vi.unstubAllGlobals())

/** Opens a feed; settles with the state that the page shows next, or the source that it opened. */
function open(session: PageSession, path = '/events?a=b') {
  let close = () => {}
  const end = new Promise<string | FakeSource>(resolve => {
    const opened = session.open(path, { received: () => {}, failed: resolve })
    close = () => opened.close()
    onSource = resolve
  })
  return { end, close: () => close() }
}

function withToken(): PageSession {
  const session = new PageSession()
  session.takeToken(`#token=${TOKEN}`)
  return session
}

test.each([
  [`#token=${TOKEN}`, ''],
  [`#token=${TOKEN}&driver/4711//sn0`, '#driver/4711//sn0'],
  [`#token=${TOKEN}#driver/4711//sn0`, '#driver/4711//sn0'],
  ['#driver/4711//token=x', undefined],
  ['', undefined],
])('the token is removed from the address %s, but its place remains', (hash, rest) => {
  expect(new PageSession().takeToken(hash)).toBe(rest)
})

test('a server that proves itself gets a key that it accepts, and never the token', async () => {
  const server = new ServerToken(TOKEN)
  reply = nonce => server.prove(nonce)
  const session = withToken()
  const { url } = (await open(session).end) as FakeSource
  const [path, query] = url.split('?')
  expect([path, server.proofOf(new URLSearchParams(query), {})]).toEqual(['/events', 'right'])
  const [, command] = session.withKey('/command?').split('?')
  expect(server.proofOf(new URLSearchParams(command), {})).toBe('right')
  expect(sent.join(' ')).not.toContain(TOKEN)
})

test.each<[string, (nonce: string) => object]>([
  ['has another token', nonce => new ServerToken('other').prove(nonce)],
  ['repeats the proof of another nonce', () => new ServerToken(TOKEN).prove('before')],
  ['has no proof', () => ({})],
])('a server that %s gets no key, and the page opens no feed there', async (_, stranger) => {
  reply = stranger
  const session = withToken()
  expect(await open(session).end).toBe('foreign')
  expect(session.withKey('/command?')).toBe('/command?')
  expect(sent).toEqual([expect.stringMatching(/^\/proof\?nonce=[0-9a-f]{48}$/)])
})

test('each proof is asked for with another nonce', async () => {
  reply = () => ({})
  const session = withToken()
  await open(session).end
  await open(session).end
  expect(new Set(sent).size).toBe(2)
})

test('a server that does not reply is lost', async () => {
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('failed')
  })
  expect(await open(withToken()).end).toBe('lost')
})

test('a page without a token opens its feed without a proof or a key', async () => {
  const session = new PageSession()
  const { url } = (await open(session).end) as FakeSource
  expect([url, sent]).toEqual(['/events?a=b', ['/events?a=b']])
})

test('a page that connects again names the last numbers: of all messages, and of the wire of the device', async () => {
  const session = new PageSession()
  for (const [path, numbers, last] of [
    ['/events?a=b', '', '7'],
    ['/events?device=x', '&after=7', '8'],
    ['/events?device=y', '&after=8', '9'],
    ['/events?device=x', '&after=9&after-wire=8', ''],
  ] as const) {
    const source = (await open(session, path).end) as FakeSource
    expect(source.url).toBe(path + numbers)
    source.onmessage({ data: '{}', lastEventId: last })
  }
})

test('a feed that is closed before the proof has come is not opened', async () => {
  const { close } = open(withToken())
  close()
  // A second page, which asked later, has its reply after the first.
  await open(withToken()).end
  expect(sent.filter(url => url.startsWith('/events'))).toHaveLength(1)
})

test('a source that the server refused is distinguished from a broken one', async () => {
  for (const [readyState, how] of [
    [FakeSource.CLOSED, 'refused'],
    [0, 'lost'],
  ] as const) {
    const failed = vi.fn()
    const source = await new Promise<FakeSource>(resolve => {
      onSource = resolve
      withToken().open('/events?a=b', { received: () => {}, failed })
    })
    source.readyState = readyState
    source.onerror()
    expect(failed).toHaveBeenCalledWith(how)
  }
})
