/** In whose name vnets are asked for a program. */
import { afterEach, expect, test, vi } from 'vitest'
import { askerOf, openerAs } from '../../../src/control/exec/credentials.ts'
import type { Native } from '../../../src/kernel/native.ts'
import type { OtherProcesses } from '../../../src/kernel/other-process.ts'

const NET_ADMIN = 1n << 12n
const ALL = (1n << 41n) - 1n
const nobody = { uid: 65534, gid: 65534 }

afterEach(() => vi.restoreAllMocks())

interface Thread {
  readonly euid?: number
  readonly egid?: number
  readonly groups?: readonly number[]
  readonly capabilities?: bigint
  readonly elsewhere?: boolean
}

/** A supervisor of this uid, and a thread. */
function parts(own: number, thread: Thread | undefined) {
  vi.spyOn(process, 'geteuid').mockReturnValue(own)
  const status = (of: Thread) => ({ tgid: 1, euid: own, egid: own, groups: [], capabilities: ALL, ...of })
  const native: Partial<Native> = {
    capget(_, effective) {
      new DataView(effective.buffer).setBigUint64(0, thread?.capabilities ?? ALL, true)
      return 0
    },
    socket: () => 1,
    socketAs: (...args) => (args.slice(4).join() === '7,8,9,0' ? 2 : 3),
  }
  const processes = {
    identity: () => thread && status(thread),
    status: (pid: number) => (pid === process.pid ? status({}) : thread && status(thread)),
    isInOwnUserNamespace: () => !thread?.elsewhere,
  }
  return [native as Native, processes as unknown as OtherProcesses, process.pid + 1] as const
}

test.each<[string, number, Thread | undefined, ReturnType<typeof askerOf>]>([
  ['root is ours', 0, {}, undefined],
  ['another user is that user', 0, { euid: 7, egid: 8 }, { uid: 7, gid: 8 }],
  ['root without CAP_NET_ADMIN is nobody', 0, { capabilities: ALL & ~NET_ADMIN }, nobody],
  ['root of another user namespace is nobody', 0, { elsewhere: true }, nobody],
  ['a thread that is gone is none', 0, undefined, null],
  ['a user’s own program is that user', 7, { elsewhere: true, capabilities: 0n }, undefined],
  ['another’s program of a user is none', 7, { euid: 8 }, null],
  ['root’s program of a user is none', 7, { euid: 0 }, null],
])('%s', (_, own, thread, asker) => {
  expect(askerOf(...parts(own, thread))).toEqual(asker)
})

test.each<[string, number, Thread, number | undefined]>([
  ['with our own rights is ours', 0, {}, 1],
  [
    'of another user is that user’s, groups and capabilities too',
    0,
    { euid: 7, egid: 8, groups: [9], capabilities: 0n },
    2,
  ],
  ['with fewer capabilities has those', 0, { capabilities: 0n }, 3],
  ['in another user namespace is not to be had', 0, { elsewhere: true }, undefined],
  ['of another user is not to be had by a user', 7, { euid: 8 }, undefined],
])('a socket for a program %s', (_, own, thread, made) => {
  expect(openerAs(...parts(own, thread))?.(16, 3, 16, -1)).toBe(made)
})
