/** The versions of a client that need no program. */
import { expect, test } from 'vitest'
import { versionsOf } from '../../src/hunt/versions.ts'

test.each(['no-such-program --x', 'exec A=1 /no/such/program', 'A=1', ''])(
  'of %j, which is not found, only the system is known',
  async command => {
    const { lines, scripts } = await versionsOf(command)
    expect(lines).toEqual([expect.stringMatching(/^\w+ \S+ \w+, \S/)])
    expect(scripts).toEqual([])
  },
)
