/** The credentials with which a program's requests are sent to vnets. */
import { afterEach, expect, test, vi } from 'vitest'
import type { Native } from '#src/linux/native.ts'
import type { OtherProcesses } from '../src/other-process.ts'
import { openerAs, requesterOf } from '../src/program-socket.ts'

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

/** A supervisor with this uid, and a thread. */
function parts(own: number, thread: Thread | undefined) {
  vi.spyOn(process, 'geteuid').mockReturnValue(own)
  const status = (of: Thread) => ({
    tgid: 1,
    euid: own,
    egid: own,
    groups: [],
    capabilities: ALL,
    ...of,
  })
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

test.each<[string, number, Thread | undefined, ReturnType<typeof requesterOf>]>([
  ['root is ours', 0, {}, undefined],
  ['another user is that user', 0, { euid: 7, egid: 8 }, { uid: 7, gid: 8 }],
  ['root without CAP_NET_ADMIN is nobody', 0, { capabilities: ALL & ~NET_ADMIN }, nobody],
  ['root of another user namespace counts as nobody', 0, { elsewhere: true }, nobody],
  ['a thread that is gone has no requester', 0, undefined, null],
  [
    'a user’s own program has the rights of that user',
    7,
    { elsewhere: true, capabilities: 0n },
    undefined,
  ],
  ['a user’s program that runs as another user has no requester', 7, { euid: 8 }, null],
  ['a user’s program that runs as root has no requester', 7, { euid: 0 }, null],
])('%s', (_, own, thread, requester) => {
  expect(requesterOf(...parts(own, thread))).toEqual(requester)
})

test.each<[string, number, Thread, number | undefined]>([
  ['with the supervisor’s rights has the supervisor’s rights', 0, {}, 1],
  [
    'of another user has that user’s groups and capabilities',
    0,
    { euid: 7, egid: 8, groups: [9], capabilities: 0n },
    2,
  ],
  ['with fewer capabilities has those capabilities', 0, { capabilities: 0n }, 3],
  ['in another user namespace cannot be opened', 0, { elsewhere: true }, undefined],
  ['of another user cannot be opened by an ordinary user', 7, { euid: 8 }, undefined],
])('a socket for a program %s', (_, own, thread, made) => {
  expect(openerAs(...parts(own, thread))?.(16, 3, 16, -1)).toBe(made)
})
