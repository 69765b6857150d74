/**
 * Structures in a program's memory that its system calls point to: struct msghdr, struct mmsghdr,
 * struct iovec and struct sockaddr_nl. x86-64 and arm64 lay them out alike.
 */
import { EFAULT } from 'vnet'
import { netlink } from 'vnet/kit/netlink'
import type { OtherProcesses } from './other-process.ts'

const MSGHDR_LEN = 56
const NAMELEN_AT = 8
const IOV_AT = 16
const IOVLEN_AT = 24
const CONTROL_AT = 32
const CONTROLLEN_AT = 40
const FLAGS_AT = 48
const IOVEC_LEN = 16
/** struct mmsghdr: a struct msghdr, then the bytes sent or received, an unsigned int. */
export const MMSGHDR_LEN = 64
/** Messages of one sendmmsg(2); the program sends the others by its next call. */
const MESSAGES_MAX = 64
/** UIO_MAXIOV. */
const IOVECS_MAX = 1024n
const TIMESPEC_LEN = 16
const NSEC_PER_SEC = 1_000_000_000n
const SOCKADDR_NL_LEN = 12
const NL_PID_AT = 4
/** Longer lengths are cut to this one. */
const LENGTH_MAX = 0x7fff_ffffn

/** Consecutive bytes in a program's memory. */
export type MemorySpan = Readonly<{ address: bigint; length: number }>

/** Returns a span; a length over LENGTH_MAX is cut. */
export const span = (address: bigint, length: bigint): MemorySpan => ({
  address,
  length: Number(length < LENGTH_MAX ? length : LENGTH_MAX),
})

/** Reads an address and the length after it. */
const spanAt = (octets: Uint8Array, at: number): MemorySpan =>
  span(netlink.getU64(octets, at), netlink.getU64(octets, at + 8))

/** Reads an array of struct iovec; undefined if it is too long or unreadable. */
export function iovecs(processes: OtherProcesses, pid: number, address: bigint, count: bigint) {
  if (count > IOVECS_MAX) return undefined
  const octets = new Uint8Array(IOVEC_LEN * Number(count))
  if (processes.read(pid, address, octets) < 0) return undefined
  return Array.from({ length: Number(count) }, (_, i) => spanAt(octets, IOVEC_LEN * i))
}

/**
 * A struct msghdr, with addresses in the program's memory: the peer's address, the iovecs, and the
 * buffer for ancillary data.
 */
export interface Msghdr {
  readonly name: MemorySpan
  readonly spans: readonly MemorySpan[]
  readonly controlAt: MemorySpan
}

/** Reads a struct msghdr with its iovecs; undefined if it is unreadable. */
export function msghdr(
  processes: OtherProcesses,
  pid: number,
  address: bigint,
): Msghdr | undefined {
  const octets = new Uint8Array(MSGHDR_LEN)
  if (processes.read(pid, address, octets) < 0) return undefined
  const name = { address: netlink.getU64(octets, 0), length: netlink.getU32(octets, NAMELEN_AT) }
  const spans = iovecs(
    processes,
    pid,
    netlink.getU64(octets, IOV_AT),
    netlink.getU64(octets, IOVLEN_AT),
  )
  return spans && { name, spans, controlAt: spanAt(octets, CONTROL_AT) }
}

/** Reads the messages of sendmmsg(2), at most MESSAGES_MAX; undefined if one is unreadable. */
export function mmsghdrs(
  processes: OtherProcesses,
  pid: number,
  address: bigint,
  count: number,
): Msghdr[] | undefined {
  const all = Array.from({ length: Math.min(count >>> 0, MESSAGES_MAX) }, (_, i) =>
    msghdr(processes, pid, address + BigInt(MMSGHDR_LEN * i)),
  )
  const there = all.filter(each => each !== undefined)
  return there.length === all.length ? there : undefined
}

/** Writes msg_len, the bytes sent or received, of a struct mmsghdr. Returns 0 or -EFAULT. */
export const putLength = (processes: OtherProcesses, address: bigint, length: number): number =>
  putUint(processes, address + BigInt(MSGHDR_LEN), length, 4)

function putUint(processes: OtherProcesses, address: bigint, value: number, bytes: 4 | 8): number {
  const octets = new Uint8Array(bytes)
  netlink.putU32(octets, 0, value)
  return processes.write(address, octets)
}

/** Writes bytes to the spans until they are full. Returns the number written, or -EFAULT. */
export function scattered(
  processes: OtherProcesses,
  spans: readonly MemorySpan[],
  bytes: Uint8Array,
): number {
  let copied = 0
  for (const { address, length: room } of spans) {
    const part = bytes.subarray(copied, Math.min(bytes.length, copied + room))
    if (processes.write(address, part) < 0) return -EFAULT
    copied += part.length
  }
  return copied
}

/** Reads a struct timespec, in ms; infinite at address 0, undefined if it is invalid. */
export function timespecMs(
  processes: OtherProcesses,
  pid: number,
  address: bigint,
): number | undefined {
  if (address === 0n) return Number.POSITIVE_INFINITY
  const octets = new Uint8Array(TIMESPEC_LEN)
  if (processes.read(pid, address, octets) < 0) return undefined
  const [seconds = -1n, nanoseconds = -1n] = new BigInt64Array(octets.buffer)
  if (seconds < 0n || nanoseconds < 0n || nanoseconds >= NSEC_PER_SEC) return undefined
  return Number(seconds) * 1000 + Number(nanoseconds) / 1e6
}

/** Reads all spans into one array; undefined if they are longer than `max` or unreadable. */
export function gathered(
  processes: OtherProcesses,
  pid: number,
  spans: readonly MemorySpan[],
  max: number,
) {
  const length = spans.reduce((n, each) => n + each.length, 0)
  if (length > max) return undefined
  const octets = new Uint8Array(length)
  let at = 0
  for (const { address, length: size } of spans) {
    if (processes.read(pid, address, octets.subarray(at, at + size)) < 0) return undefined
    at += size
  }
  return octets
}

/** Whether a struct sockaddr_nl, or its absence, addresses the kernel. */
export function isToKernel(
  processes: OtherProcesses,
  pid: number,
  name: MemorySpan | undefined,
): boolean {
  if (name === undefined || name.address === 0n || name.length === 0) return true
  const sockaddr = new Uint8Array(SOCKADDR_NL_LEN)
  if (name.length < SOCKADDR_NL_LEN || processes.read(pid, name.address, sockaddr) < 0) return false
  return netlink.getU32(sockaddr, NL_PID_AT) === 0
}

/** Writes the fields of a struct msghdr that recvmsg(2) sets. Returns 0 or -EFAULT. */
export function finishMsghdr(
  processes: OtherProcesses,
  address: bigint,
  {
    namelen,
    controllen,
    flags,
  }: { readonly namelen: number; readonly controllen: number; readonly flags: number },
): number {
  const put = (at: number, value: number, bytes: 4 | 8) =>
    putUint(processes, address + BigInt(at), value, bytes)
  return Math.min(
    put(NAMELEN_AT, namelen, 4),
    put(CONTROLLEN_AT, controllen, 8),
    put(FLAGS_AT, flags, 4),
  )
}
