import { expect, test } from 'vitest'
import { asUser, ended, TREE } from '../../support/ordinary-user.ts'

const CHECK = [process.execPath, `${TREE}/dist/vnet.js`, 'check', `${TREE}/course/02-mirror/solution.js`]

test('an ordinary user runs all checks, also those on live interfaces', () => {
  const { status, stdout } = ended([...asUser(), ...CHECK])
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^ok +live: [\s\S]*^02-mirror: 8 passed\./m)])
})

test('where no live interface is possible, its checks say why and count as not run', () => {
  const { status, stdout } = ended([...asUser({ mode: 'none' }), ...CHECK])
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^not run live: .*sudo modprobe tun/m)])
  expect(stdout).toMatch(/^02-mirror: 6 passed, 2 not run\./m)
})
