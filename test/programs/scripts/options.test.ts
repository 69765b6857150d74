/** Programs of scripts with unknown options, or wrong values of options. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

test.each([
  ['check-imports --table', "Unknown option '--table'"],
  ['check-prose . packages', 'packages: expected fewer words'],
  ['check-pages --wirte', "Unknown option '--wirte'"],
])('node scripts/%s is refused in one line', (line, message) => {
  const [script = '', ...args] = line.split(' ')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [`scripts/${script}.mjs`, ...args],
    {
      encoding: 'utf8',
    },
  )
  expect([status, stdout, stderr.split('\n').length]).toEqual([2, '', 2])
  expect(stderr).toContain(`${script}: ${message}`)
})
