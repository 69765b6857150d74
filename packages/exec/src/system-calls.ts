/** The system calls that are trapped, by their numbers. */

/**
 * The numbers of the system calls that `vnet exec` traps, on x64
 * (arch/x86/entry/syscalls/syscall_64.tbl) and on arm64 (include/uapi/asm-generic/unistd.h).
 */
const SYSCALLS: Readonly<Record<Call, readonly [x64: number, arm64: number]>> = {
  ioctl: [16, 29],
  socket: [41, 198],
  sendmsg: [46, 211],
  sendto: [44, 206],
  sendmmsg: [307, 269],
  recvmsg: [47, 212],
  recvfrom: [45, 207],
  recvmmsg: [299, 243],
  setsockopt: [54, 208],
  read: [0, 63],
  readv: [19, 65],
  preadv2: [327, 286],
  write: [1, 64],
  writev: [20, 66],
}

/** Returns the values of `calls` by the numbers of the system calls on this machine. */
export function bySyscallNumber<T>(calls: Readonly<Record<Call, T>>): Map<number, T> {
  const column = ['x64', 'arm64'].indexOf(process.arch)
  const names = Object.keys(SYSCALLS) as Call[]
  return new Map(names.map(name => [SYSCALLS[name][column] ?? -1, calls[name]]))
}

type Message = `${'send' | 'recv'}${'msg' | 'mmsg'}`
type Data = `${'read' | 'write'}${'' | 'v'}`
type Call = Message | Data | 'ioctl' | 'socket' | 'setsockopt' | 'sendto' | 'recvfrom' | 'preadv2'
