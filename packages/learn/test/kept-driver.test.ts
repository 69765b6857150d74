/** The driver that a browser keeps, with its storage in memory. */
import { beforeEach, expect, test, vi } from 'vitest'
import { fragmentOf, KeptDriver, textOfFragment } from '../src/browser/kept-driver.ts'

const stored = new Map<string, string>()

beforeEach(() => {
  stored.clear()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, text: string) => stored.set(key, text),
    removeItem: (key: string) => stored.delete(key),
  })
  return () => vi.unstubAllGlobals()
})

test('each exercise has its own driver, and a text with which it passed', () => {
  const [drop, mirror] = [new KeptDriver('01-drop'), new KeptDriver('02-mirror')]
  drop.text = 'mine'
  drop.passed = 'passed'
  mirror.text = 'another'
  expect([drop.text, drop.passed, mirror.text, mirror.passed]).toEqual([
    'mine',
    'passed',
    'another',
    undefined,
  ])
  drop.text = undefined
  expect([new KeptDriver('01-drop').text, drop.passed]).toEqual([undefined, 'passed'])
})

test('a browser without storage keeps nothing, and nothing throws', () => {
  vi.stubGlobal('localStorage', undefined)
  const drop = new KeptDriver('01-drop')
  drop.text = 'mine'
  expect(drop.text).toBeUndefined()
})

test('a fragment holds a text with any characters', async () => {
  const text = `const words = 'größer → ok'\n${'~'.repeat(300)}`
  const fragment = await fragmentOf(text)
  expect(fragment).toMatch(/^#driver=[\w-]+$/)
  expect(await textOfFragment(fragment)).toBe(text)
  expect(await textOfFragment('#driver')).toBeUndefined()
})
