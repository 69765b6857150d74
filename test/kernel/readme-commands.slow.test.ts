/** All commands of the README's section on installation do what it shows, for all users. */
import { expect, test } from 'vitest'
import { USER } from '#support/ordinary-user.ts'
import { runSection, SHOWN } from '#support/readme-section.ts'

test.each([
  ['an ordinary user', '666', USER],
  ['root', '600', []],
])('the commands of the README work for %s', (_, mode, by) => {
  const { status, stdout, stderr } = runSection(mode, by, true)
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringMatching(/^vnet: /m) })
  for (const row of SHOWN) {
    expect(stdout).toMatch(new RegExp(row))
  }
  expect(stdout).toContain('tx dropped WIRE_LOSS')
})
