import { expect, test } from 'vitest'
import type { Native } from '#src/linux/native.ts'
import { addRules } from '../src/kernel/nftables.ts'

test('a kernel without nf_tables is an error that says what is missing', () => {
  const closed: number[] = []
  const native = {
    socket: () => 5,
    send: (_: number, bytes: Uint8Array) => bytes.length,
    // A refusal of the first message: struct nlmsghdr, an errno, and the header that was sent.
    recvmsg: (_: number, into: Uint8Array) => {
      const view = new DataView(into.buffer)
      view.setUint32(0, 36, true)
      view.setUint16(4, 2, true)
      view.setInt32(16, -95, true)
      return 36
    },
    close: (fd: number) => closed.push(fd),
  } as unknown as Native
  const run = () => addRules({ native, nsfd: 3 }, 'firewall (the kernel needs nf_tables)', 1, [])
  expect(run).toThrow('firewall (the kernel needs nf_tables): EOPNOTSUPP')
  expect(closed).toEqual([5])
})
