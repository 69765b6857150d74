import { expect, test } from 'vitest'
import { asUser, ended, TREE } from '#support/ordinary-user.ts'

const CHECK = [
  process.execPath,
  `${TREE}/dist/vnet.js`,
  'check',
  `${TREE}/packages/learn/course/02-mirror/solution.js`,
]

test('an ordinary user runs all checks, including checks on live interfaces', () => {
  const { status, stdout } = ended([...asUser(), ...CHECK])
  expect([status, stdout]).toEqual([
    0,
    expect.stringMatching(/^ok +live: [\s\S]*^02-mirror: 8 passed\./m),
  ])
})

test('checks on a live interface say why they cannot run, and count as not run', () => {
  const { status, stdout } = ended([...asUser({ mode: 'none' }), ...CHECK])
  expect([status, stdout]).toEqual([
    0,
    expect.stringMatching(/^not run live: .*sudo modprobe tun/m),
  ])
  expect(stdout).toMatch(/^02-mirror: 6 passed, 2 not run\./m)
})

test('an exercise is done when its checks in memory have passed, where no live interface is possible', () => {
  const vnet = `${process.execPath} ${TREE}/dist/vnet.js`
  const steps = [
    'cd "$(mktemp -d)"',
    `${vnet} learn 2`,
    `cp ${TREE}/packages/learn/course/02-mirror/solution.js 02-mirror/mirror.js`,
    `${vnet} check 2`,
    `${vnet} learn`,
    'rm -r "$PWD"',
  ]
  const { stdout } = ended([...asUser({ mode: 'none' }), 'sh', '-c', steps.join(' && ')])
  expect(stdout).toMatch(/^02-mirror +done /m)
})
