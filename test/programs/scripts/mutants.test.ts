import { expect, test } from 'vitest'
import { mutantsOf } from '../../../scripts/mutants.mjs'

test.each([
  ['  return a === b', ['  return a !== b']],
  [
    '  if (a < 3) return',
    ['  if (a <= 3) return', '  if (!(a < 3)) return', '  if (a < 4) return'],
  ],
  ['  if (f(a) && b) {', ['  if (f(a) || b) {', '  if (!(f(a) && b)) {']],
  ['const isOn = true', ['const isOn = false']],
  ['  x += 10', ['  x -= 10', '  x += 11']],
])('%s', (line, mutants) => {
  expect(mutantsOf(line)).toEqual(mutants)
})

test('texts, comments, imports and types have no mutants', () => {
  for (const line of [
    ' * at most 3 frames',
    '// a === b',
    "import { a1 } from './a.ts'",
    'type A = 1 | 2',
    "  throw new Error('a && b, 5 of 6')",
    '  readonly length: 4',
  ]) {
    expect(mutantsOf(line), line).toEqual([])
  }
})

test('a comment after code is left alone', () => {
  expect(mutantsOf('  f(1) // 2 of 3')).toEqual(['  f(2) // 2 of 3'])
})
