import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const readme = readFileSync('README.md', 'utf8')

test('the driver in the README is the example that the kernel tests run', () => {
  const [, code] = readme.match(/```js\n(import .*?)```/s) ?? []
  expect(code).toBe(readFileSync('examples/pong.js', 'utf8'))
  expect(code?.trimEnd().split('\n')).toHaveLength(25)
})

test('what the README links to is there', () => {
  const links = [...readme.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path]) => path as string)
  expect(links.length).toBeGreaterThan(4)
  for (const path of links) expect(readFileSync(path, 'utf8').length).toBeGreaterThan(0)
})
