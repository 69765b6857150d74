/** Tokens: how they are compared, what proves them, and for which server each is. */
import crypto, { createHmac } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { replaceBuiltin } from '#support/builtin.ts'
import { ServerToken, tokenOf } from '../../src/http/token.ts'

const TOKEN = 'a-token-of-32-characters-for-test'
const token = new ServerToken(TOKEN)

test.each(['', 'a', TOKEN.slice(0, 31), `${TOKEN}x`, `x${TOKEN.slice(1)}`, 'y'.repeat(8000)])(
  'a wrong token %s takes the time of a right one: digests of one length are compared',
  given => {
    const compare = vi.fn(crypto.timingSafeEqual)
    replaceBuiltin(crypto, { timingSafeEqual: compare })
    expect(token.proofOf(new URLSearchParams({ token: given }), {})).toBe('wrong')
    // With the token, and with the key of the pages.
    expect(compare).toHaveBeenCalledTimes(2)
    for (const [a, b] of compare.mock.calls as [Buffer, Buffer][]) {
      expect([a.length, b.length]).toEqual([32, 32])
      expect(b.toString('latin1')).not.toContain(given.slice(0, 31) || 'none')
    }
  },
)

test('a right token takes no less time: it is compared with the key of the pages, too', () => {
  const compare = vi.fn(crypto.timingSafeEqual)
  replaceBuiltin(crypto, { timingSafeEqual: compare })
  expect(token.proofOf(new URLSearchParams({ token: TOKEN }), {})).toBe('right')
  expect(compare).toHaveBeenCalledTimes(2)
})

test('the token is accepted in the query and in Authorization', () => {
  expect(token.proofOf(new URLSearchParams({ token: TOKEN }), {})).toBe('right')
  expect(token.proofOf(new URLSearchParams(), { authorization: `bearer ${TOKEN}` })).toBe('right')
  expect(token.proofOf(new URLSearchParams(), {})).toBe('missing')
})

const hmacSha256 = (key: string, text: string) =>
  createHmac('sha256', key).update(text).digest('hex')
const keyOf = (server: ServerToken) => hmacSha256(TOKEN, `vnet page ${server.prove('').nonce}`)

test('the key that a page shows is worth nothing at another server, or after a restart', () => {
  const shown = new URLSearchParams({ token: keyOf(token) })
  expect(token.proofOf(shown, {})).toBe('right')
  expect(new ServerToken(TOKEN).proofOf(shown, {})).toBe('wrong')
})

test('a proof is made for one nonce, and is not a key', () => {
  const { proof, nonce } = token.prove('n')
  expect(proof).toBe(hmacSha256(TOKEN, 'vnet server n'))
  expect(token.prove('m').proof).not.toBe(proof)
  for (const asked of [nonce, `vnet page ${nonce}`, keyOf(token)]) {
    expect(token.proofOf(new URLSearchParams({ token: token.prove(asked).proof }), {})).toBe(
      'wrong',
    )
  }
})

test('servers with another purpose, port or address have another token', () => {
  const urls = ['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.2:1']
  const tokens = urls.flatMap(url => [
    tokenOf('secret', 'web', url),
    tokenOf('secret', 'metrics', url),
  ])
  expect(new Set([...tokens, tokenOf('other', 'web', urls[0] ?? '')]).size).toBe(7)
  for (const each of tokens) {
    expect(each).toMatch(/^[\w-]{32}$/)
  }
})
