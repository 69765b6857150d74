/** Numbers of the system calls that `vnet exec` traps: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h. */

export interface SyscallNumbers {
  readonly ioctl: number
  readonly socket: number
  readonly sendmsg: number
  readonly sendto: number
  readonly sendmmsg: number
  readonly recvmsg: number
  readonly recvfrom: number
  readonly recvmmsg: number
  readonly setsockopt: number
  readonly read: number
  readonly readv: number
  readonly preadv2: number
  readonly write: number
  readonly writev: number
}

const BY_ARCH: Readonly<Record<string, SyscallNumbers>> = {
  x64: {
    ...{ ioctl: 16, socket: 41, sendmsg: 46, sendto: 44, sendmmsg: 307, recvmsg: 47, recvfrom: 45 },
    ...{ recvmmsg: 299, setsockopt: 54, read: 0, readv: 19, preadv2: 327, write: 1, writev: 20 },
  },
  arm64: {
    ...{ ioctl: 29, socket: 198, sendmsg: 211, sendto: 206, sendmmsg: 269, recvmsg: 212, recvfrom: 207 },
    ...{ recvmmsg: 243, setsockopt: 208, read: 63, readv: 65, preadv2: 286, write: 64, writev: 66 },
  },
}

/** Those of an architecture as Node names it; undefined where nothing is trapped. */
export function syscallNumbers(arch: string): SyscallNumbers | undefined {
  return BY_ARCH[arch]
}
