/** Names that one package alone uses leave the doors of the core, by and by. */
import { expect, test } from 'vitest'
import { doorNames } from '../../scripts/doors.mjs'

/** May only be lowered. */
const ONE_PACKAGE_MAX = 220
/** Of these, names that the core does not use itself. May only be lowered. */
const UNUSED_IN_CORE_MAX = 1

test('no more names of doors have one package than before', () => {
  const names = doorNames()
  const single = names.filter(({ packages }) => packages.length === 1)
  const unused = single.filter(({ inCore }) => inCore === undefined)
  expect(names.length).toBeGreaterThan(300)
  expect(single.length).toBeLessThanOrEqual(ONE_PACKAGE_MAX)
  expect(unused.length, unused.map(({ name }) => name).join()).toBeLessThanOrEqual(
    UNUSED_IN_CORE_MAX,
  )
})

test('a name has the packages that use it, and a file of the core', () => {
  expect(doorNames().find(({ name }) => name === 'formatNumber')).toEqual({
    door: 'vnet/kit/base',
    name: 'formatNumber',
    packages: expect.arrayContaining(['lab', 'web']),
    inCore: expect.stringMatching(/^src\//),
  })
})
