import { expect, test } from 'vitest'
import {
  addDriverText,
  functionLines,
  functionPlace,
  placeLines,
} from '#src/netdev/debug/function-place.browser.ts'

test('a browser finds the line of a function by its text: the first of two that are alike', () => {
  const poll = (budget: number) => budget - 1
  const driver = { setup: (dev: object) => dev }
  const text = `// A driver.\n\nconst poll = ${poll}\nconst other = ${poll}\nconst setup = ${driver.setup}\n`
  addDriverText('/my-driver.js', text)
  expect([poll, driver.setup].map(functionPlace)).toEqual(['/my-driver.js:3', '/my-driver.js:5'])
  const unknown = [() => text, poll.bind(undefined), 'poll', undefined]
  expect(unknown.map(functionPlace)).toEqual(unknown.map(() => undefined))
})

test('a browser shows the lines of a function, and the function around a line', () => {
  const lines = [
    'function poll(budget) {',
    '  return budget - 1',
    '}',
    '',
    'const handle = budget => poll(budget)',
    '',
  ]
  const { poll, handle } = new Function(`${lines.join('\n')}return { poll, handle }`)()
  addDriverText('/lines.js', lines.join('\n'))
  const shown = { file: '/lines.js', line: 1, first: 1, lines: lines.slice(0, 3) }
  expect(functionLines(poll, 24)).toEqual(shown)
  expect(functionLines(handle, 2)).toEqual({ ...shown, lines: lines.slice(0, 2) })
  expect(placeLines('/lines.js:2', 24)).toEqual({ ...shown, line: 2 })
  expect([functionLines(() => lines, 24), placeLines('/other.js:2', 24)]).toEqual([
    undefined,
    undefined,
  ])
})
