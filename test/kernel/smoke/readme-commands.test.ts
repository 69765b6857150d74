/** The commands of the README's section on installation show the losses that it shows. */
import { expect, test } from 'vitest'
import { USER } from '#support/ordinary-user.ts'
import { ENTER, runSection, SHOWN } from '#support/readme-section.ts'

test('an ordinary user sees the losses that the README shows', () => {
  expect(ENTER).toBe('npm start -- rootless -- bash\n')
  expect(SHOWN).toHaveLength(2)
  const { status, stdout, stderr } = runSection('666', USER, false)
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringMatching(/^vnet: /m) })
  for (const row of SHOWN) {
    expect(stdout).toMatch(new RegExp(row))
  }
})
