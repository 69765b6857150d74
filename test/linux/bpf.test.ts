/** bpf(2): what its errors say, with a stand-in for the system call. */
import { describe, expect, test } from 'vitest'
import { EAGAIN, EINVAL, ENOMEM, EPERM } from '#src/base/errno.ts'
import { attachTcx, createArray, exit, loadProgram, tcxPrograms } from '#src/linux/bpf.ts'
import type { Native } from '#src/linux/native.ts'
import { BPF_TCX_INGRESS } from '#src/linux/uapi.ts'

const failing = (errno: number, log = '') =>
  ({
    bpf(_nsfd, _command, _attr, ...pointers) {
      const into = pointers.at(-1)
      if (into instanceof Uint8Array) {
        into.set(Buffer.from(log))
      }
      return -errno
    },
    // No thread: the call is made on the spot.
    eventfd: () => 3,
    createPoller: () => -ENOMEM,
    close: () => 0,
  }) as Pick<Native, 'bpf' | 'eventfd' | 'createPoller' | 'close'> as Native

const target = { nsfd: -1, ifindex: 1 }

describe('a kernel older than 6.6', () => {
  test.each([
    ['query of its programs', (native: Native) => tcxPrograms(native, target, BPF_TCX_INGRESS)],
    ['link', (native: Native) => attachTcx(native, 3, target, BPF_TCX_INGRESS)],
  ])('a kernel older than 6.6 is named as the reason of a refused %s', async (_, call) => {
    await expect((async () => call(failing(EINVAL)))()).rejects.toThrow(
      /^BPF_\w+ eBPF: EOPNOTSUPP, .*; tcx programs need Linux 6\.6 or newer$/,
    )
  })
})

test('a refused map names the capabilities that it takes', () => {
  expect(() => createArray(failing(EPERM), 1)).toThrow(
    /^BPF_MAP_CREATE eBPF: EPERM, .*; CAP_BPF and CAP_NET_ADMIN are needed$/,
  )
})

test('a program that the verifier refuses is reported with the last line of its log before the statistics', () => {
  const native = failing(
    EINVAL,
    'exit\nR0 !read_ok\nverification time 9 usec\nstack depth 0\nprocessed 1 insns (limit)\n',
  )
  expect(() => loadProgram(native, 'broken', [exit()])).toThrow(
    /^BPF_PROG_LOAD eBPF program broken: EINVAL, .*; R0 !read_ok$/,
  )
})

test('a program is loaded again when a signal ended its verification', () => {
  const results = [-EAGAIN, -EAGAIN, 7]
  const native = { bpf: () => results.shift() } as unknown as Native
  expect(loadProgram(native, 'interrupted', [exit()])).toBe(7)
  expect(() => loadProgram(failing(EAGAIN), 'stuck', [exit()])).toThrow(
    /^BPF_PROG_LOAD eBPF program stuck: EAGAIN/,
  )
})
