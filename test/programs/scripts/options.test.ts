/** Programs of scripts with unknown options, or wrong values of options. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

test.each([
  ['inet-differential --seeds x', '--seeds x: expected a whole number from 1 to 1000000'],
  ['inet-differential --seed 1.5', '--seed 1.5: expected a whole number from 0 to 1000000000'],
  ['inet-differential --seeds 0', '--seeds 0: expected a whole number from 1 to 1000000'],
  ['inet-differential --packets=', '--packets : expected a whole number from 0 to 1000000000'],
  ['inet-differential --sedes 3', "Unknown option '--sedes'"],
  ['inet-differential --seed', "Option '--seed <value>' argument missing"],
  ['statements --sed 3', "Unknown option '--sed'"],
  ['statements 3', '3: expected only options'],
  [
    'conform-mutations --only [',
    '--only [: Invalid regular expression: /[/: Unterminated character class',
  ],
  ['conform-mutations --only nothing-like-it', '--only nothing-like-it: matches no name, such as '],
  ['check-imports --tabel', "Unknown option '--tabel'"],
  ['check-prose . packages', 'packages: expected fewer words'],
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
