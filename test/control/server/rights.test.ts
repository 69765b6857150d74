import { describe, expect, it } from 'vitest'
import { EMFILE, ENOPROTOOPT, ERANGE } from '#src/base/errno.ts'
import { Rights } from '#src/control/server/rights.ts'
import type { Native } from '#src/linux/native.ts'

/** The right that this process lacks as a peer with uid 0 if the kernel refuses its pidfd. */
function missing(errno: number): string | undefined {
  const native = { getsockopt: () => -errno } as unknown as Native
  return new Rights(native, [0]).missing(3, { uid: 0, gid: 0, pid: process.pid })
}

it('rights depend on the process number only where the kernel has no SO_PEERPIDFD', () => {
  expect(missing(EMFILE)).toContain('your process has ended, or cannot be looked at')
  expect(missing(ENOPROTOOPT) ?? '').not.toContain('your process has ended')
})

describe('the right to capture', () => {
  /** It lacks nothing for a change. */
  const MAY = null
  const CHANGE = 'only root may do this: you are user 1000'

  /**
   * The rights that a peer with gid 100 and supplementary `groups` lacks; `captureGroup` is the
   * vnet's capture group.
   */
  function lacking(
    captureGroup: number | undefined,
    groups: readonly number[] = [],
    missing: string | typeof MAY = CHANGE,
  ) {
    const native = {
      getsockopt(_fd: number, _level: number, name: number, into: Uint8Array) {
        expect(name).toBe(59)
        if (into.length < groups.length * 4) return -ERANGE
        into.set(new Uint8Array(Uint32Array.from(groups).buffer))
        return groups.length * 4
      },
    } as unknown as Native
    return new Rights(native, [0], captureGroup).missingToCapture(
      3,
      { uid: 1000, gid: 100, pid: 1 },
      missing ?? undefined,
    )
  }

  it('anyone who may change something may capture, with a capture group and without', () => {
    expect([lacking(undefined, [], MAY), lacking(7, [], MAY)]).toEqual([undefined, undefined])
  })

  it('members of the capture group may capture, by their own and their supplementary groups', () => {
    expect([
      lacking(100),
      lacking(7, [5, 7]),
      lacking(
        9000,
        Array.from({ length: 9001 }, (_, i) => i),
      ),
    ]).toEqual([undefined, undefined, undefined])
  })

  it('members of the overflow group, which stands for all unknown groups, may not capture', () => {
    expect(lacking(65534, [65534])).toContain('only root and members of group 65534 may capture')
  })

  it('everyone else is refused a capture, and the refusal says what to do', () => {
    expect(lacking(undefined, [7])).toBe(
      'only root may capture, and you are user 1000; start the vnet with --capture-group to let a group',
    )
    expect(lacking(7, [5, 70, 0x0700])).toBe(
      'only root and members of group 7 may capture, and you are user 1000; log in again after joining',
    )
  })
})
