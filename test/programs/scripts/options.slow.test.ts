/** Programs of scripts and bench that load much, and refuse what they cannot do. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

test.each([
  ['scripts/inet-differential', ['--seeds', 'x'], '--seeds x: expected a whole number from 1 to '],
  [
    'scripts/inet-differential',
    ['--seed', '1.5'],
    '--seed 1.5: expected a whole number from 0 to ',
  ],
  ['scripts/inet-differential', ['--seeds', '0'], '--seeds 0: expected a whole number from 1 to '],
  ['scripts/inet-differential', ['--packets='], '--packets : expected a whole number from 0 to '],
  ['scripts/inet-differential', ['--sedes', '3'], "Unknown option '--sedes'"],
  ['scripts/inet-differential', ['--seed'], "Option '--seed <value>' argument missing"],
  ['scripts/statements', ['3'], '3: expected only options'],
  ['scripts/statements', ['--sed', '3'], "Unknown option '--sed'"],
  ['scripts/generate-rooms', ['--drawing'], "Unknown option '--drawing'"],
  [
    'scripts/conform-mutations',
    ['--only', '['],
    '--only [: Invalid regular expression: /[/: Unterminated character class',
  ],
  [
    'scripts/conform-mutations',
    ['--only', 'nothing-like-it'],
    '--only nothing-like-it: matches no name, such as ',
  ],
  [
    'scripts/inet-differential',
    ['ip constructor 1'],
    "ip constructor 1: no field is called 'constructor'",
  ],
  ['scripts/inet-differential', ['nothing'], "nothing: no layer is called 'nothing'"],
  ['scripts/closures', ['--jsno'], "Unknown option '--jsno'"],
  ['scripts/figures', ['--help'], "Unknown option '--help'"],
  ['scripts/course-bundle', ['a', 'b'], 'b: expected fewer words'],
  [
    'scripts/prebuild',
    ['constructor'],
    'vnet: constructor: the targets are linux-x64, linux-arm64',
  ],
  ['bench/points', ['--only', 'constructor'], '--only constructor: expected udp, http, program'],
  ['bench/growth', ['--only', 'nothing'], '--only nothing: matches no row, such as '],
  ['bench/growth', ['--rounds', 'x'], '--rounds x: expected a whole number from 1 to 100'],
  ['bench/schedules', ['--schedules', '-1'], "Option '--schedules' argument is ambiguous"],
  ['bench/bufferbloat', ['--queue', 'nothing'], '--queue nothing: expected droptail, codel,'],
  ['bench/bufferbloat', ['--rate', '10,0'], '--rate 10,0: expected whole numbers of Mbit/s'],
  ['bench/stacks', ['--secs', '0'], '--secs 0: expected a whole number from 1 to 60'],
  ['bench/site', ['--site', 'nowhere'], '--site nowhere: not a site'],
  ['bench/toxiproxy', ['--original'], "Unknown option '--original'"],
])('node %s.mjs %j is refused in one line', (script, args, message) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${script}.mjs`, ...args], {
    encoding: 'utf8',
  })
  expect([status, stdout, stderr.split('\n').length]).toEqual([2, '', 2])
  expect(stderr).toContain(message)
})
