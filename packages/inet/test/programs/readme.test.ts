/** The program of the README prints what the page shows. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync('packages/inet/README.md', 'utf8')

test('two hosts on a cable send a datagram in virtual time', () => {
  const [, program = ''] = /^```js\n(.*?)^```$/ms.exec(page) ?? []
  const options = { cwd: 'packages/inet', encoding: 'utf8', input: program } as const
  const printed = execFileSync(process.execPath, ['--input-type=module', '-'], options)
  expect(printed).toBe('hello 1024 3000000\n')
  expect(page).toContain(` // ${printed}`)
})
