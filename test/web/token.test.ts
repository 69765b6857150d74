/** The comparison of tokens, which must not show by its time where two tokens differ. */
import { timingSafeEqual } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { proofOf } from '../../src/web/token.ts'

vi.mock('node:crypto', async original => {
  const crypto = await original<typeof import('node:crypto')>()
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) }
})

const TOKEN = 'a-token-of-32-characters-for-test'

test.each(['', 'a', TOKEN.slice(0, 31), `${TOKEN}x`, `x${TOKEN.slice(1)}`, 'y'.repeat(8000)])(
  'a wrong token %s takes the time of a right one: digests of one length are compared',
  given => {
    const compare = vi.mocked(timingSafeEqual)
    compare.mockClear()
    expect(proofOf(new URLSearchParams({ token: given }), {}, TOKEN)).toBe('wrong')
    expect(compare).toHaveBeenCalledOnce()
    const [a, b] = compare.mock.lastCall as unknown as [Buffer, Buffer]
    expect([a.length, b.length]).toEqual([32, 32])
    expect(a.toString('latin1')).not.toContain(given.slice(0, 31) || 'none')
  },
)

test('the right token is right', () => {
  expect(proofOf(new URLSearchParams({ token: TOKEN }), {}, TOKEN)).toBe('right')
  expect(proofOf(new URLSearchParams(), { authorization: `bearer ${TOKEN}` }, TOKEN)).toBe('right')
  expect(proofOf(new URLSearchParams(), {}, TOKEN)).toBe('missing')
})
