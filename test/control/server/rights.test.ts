import { expect, it } from 'vitest'
import { Rights } from '../../../src/control/server/rights.ts'
import type { Native } from '../../../src/linux/native.ts'
import { EMFILE, ENOPROTOOPT } from '../../../src/netdev/errno.ts'

/** The right that this process lacks as a peer with uid 0 if the kernel refuses its pidfd. */
function missing(errno: number): string | undefined {
  const native = { getsockopt: () => -errno } as unknown as Native
  return new Rights(native, [0]).missing(3, { uid: 0, gid: 0, pid: process.pid })
}

it('goes by the process number only where the kernel has no SO_PEERPIDFD', () => {
  expect(missing(EMFILE)).toContain('your process has ended, or cannot be looked at')
  expect(missing(ENOPROTOOPT) ?? '').not.toContain('your process has ended')
})
