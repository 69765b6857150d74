/** The progress in a list of exercises, with a browser's storage in memory. */
import { beforeEach, expect, test, vi } from 'vitest'
import { progressIn } from '../src/browser/course-progress.ts'
import { KeptDriver, stateOf } from '../src/browser/kept-driver.ts'

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

const listed = ['01-drop', '02-mirror', '03-ring'].map(name => ({
  name,
  title: `the title of ${name}`,
  href: `/learn/${name}.html`,
}))

function pass(name: string): void {
  new KeptDriver(name).passed = 'a driver'
}

test('a visitor starts with the first exercise, and continues with the first new one', () => {
  const next = { ...listed[0], state: 'new' }
  expect(progressIn(listed)).toEqual({ passed: 0, exercises: 3, next })
  pass('01-drop')
  expect(progressIn(listed)).toMatchObject({ passed: 1, next: { name: '02-mirror', state: 'new' } })
})

test('an exercise that was begun comes before new ones', () => {
  new KeptDriver('03-ring').text = 'half a driver'
  expect(progressIn(listed).next).toEqual({ ...listed[2], state: 'begun' })
})

test('no exercise is next when all have passed', () => {
  for (const { name } of listed) {
    pass(name)
  }
  expect(progressIn(listed)).toEqual({ passed: 3, exercises: 3 })
})

test('an exercise that has passed remains passed while its driver is changed', () => {
  pass('01-drop')
  new KeptDriver('01-drop').text = 'another driver'
  expect([stateOf('01-drop'), stateOf('02-mirror')]).toEqual(['passed', 'new'])
})

test('a browser without storage has passed nothing', () => {
  vi.stubGlobal('localStorage', undefined)
  expect(progressIn(listed)).toMatchObject({ passed: 0, next: { name: '01-drop' } })
})
