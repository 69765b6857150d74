import { expect, test } from 'vitest'
import { addDriverText, functionPlace } from '../../../src/netdev/debug/function-place.browser.ts'

test('a browser finds the line of a function by its text: the first of two that are alike', () => {
  const poll = (budget: number) => budget - 1
  const driver = { setup: (dev: object) => dev }
  const text = `// A driver.\n\nconst poll = ${poll}\nconst other = ${poll}\nconst setup = ${driver.setup}\n`
  addDriverText('/my-driver.js', text)
  expect([poll, driver.setup].map(functionPlace)).toEqual(['/my-driver.js:3', '/my-driver.js:5'])
  const unknown = [() => text, poll.bind(undefined), 'poll', undefined]
  expect(unknown.map(functionPlace)).toEqual(unknown.map(() => undefined))
})
