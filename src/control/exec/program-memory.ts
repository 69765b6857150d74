/**
 * What a system call of a program's points to: struct msghdr, struct mmsghdr, struct iovec and struct sockaddr_nl, in its memory. Both
 * architectures lay them out alike.
 */
import { EFAULT } from '../../core/errno.ts'
import type { OtherProcesses } from '../../kernel/other-process.ts'

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
/** More are sent by another call. */
const MESSAGES_MAX = 64
/** UIO_MAXIOV. */
const IOVECS_MAX = 1024n
const TIMESPEC_LEN = 16
const NSEC_PER_SEC = 1_000_000_000n
const SOCKADDR_NL_LEN = 12
const NL_PID_AT = 4
/** A length that is larger means as much as this one. */
const LENGTH_MAX = 0x7fff_ffffn

/** A part of its memory. */
export interface Span {
  readonly address: bigint
  readonly length: number
}

export function span(address: bigint, length: bigint): Span {
  return { address, length: Number(length < LENGTH_MAX ? length : LENGTH_MAX) }
}

/** The parts that an array of struct iovec names; undefined when there are too many, or it is not there. */
export function iovecs(processes: OtherProcesses, pid: number, address: bigint, count: bigint): Span[] | undefined {
  if (count > IOVECS_MAX) return undefined
  const octets = new Uint8Array(IOVEC_LEN * Number(count))
  if (processes.read(pid, address, octets) < 0) return undefined
  const view = new DataView(octets.buffer)
  return Array.from({ length: Number(count) }, (_, i) =>
    span(view.getBigUint64(IOVEC_LEN * i, true), view.getBigUint64(IOVEC_LEN * i + 8, true)),
  )
}

export interface Msghdr {
  readonly name: Span
  readonly spans: readonly Span[]
  /** Where ancillary data goes. */
  readonly controlAt: Span
}

/** A struct msghdr with its parts; undefined when it is not there. */
export function msghdr(processes: OtherProcesses, pid: number, address: bigint): Msghdr | undefined {
  const octets = new Uint8Array(MSGHDR_LEN)
  if (processes.read(pid, address, octets) < 0) return undefined
  const view = new DataView(octets.buffer)
  const name = { address: view.getBigUint64(0, true), length: view.getUint32(NAMELEN_AT, true) }
  const spans = iovecs(processes, pid, view.getBigUint64(IOV_AT, true), view.getBigUint64(IOVLEN_AT, true))
  const controlAt = span(view.getBigUint64(CONTROL_AT, true), view.getBigUint64(CONTROLLEN_AT, true))
  return spans && { name, spans, controlAt }
}

/** The messages of sendmmsg(2), the first of them; undefined when not all are there. */
export function mmsghdrs(processes: OtherProcesses, pid: number, address: bigint, count: number): Msghdr[] | undefined {
  const all = Array.from({ length: Math.min(count >>> 0, MESSAGES_MAX) }, (_, i) =>
    msghdr(processes, pid, address + BigInt(MMSGHDR_LEN * i)),
  )
  const there = all.filter(each => each !== undefined)
  return there.length === all.length ? there : undefined
}

/** Writes how many bytes of the struct mmsghdr at `address` were sent or received. 0, or -EFAULT. */
export function putLength(processes: OtherProcesses, address: bigint, length: number): number {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setUint32(0, length, true)
  return processes.write(address + BigInt(MSGHDR_LEN), octets)
}

/** Writes bytes to the parts, as far as there is room. Returns how many, or -EFAULT. */
export function scattered(processes: OtherProcesses, spans: readonly Span[], bytes: Uint8Array): number {
  let copied = 0
  for (const { address, length: room } of spans) {
    const part = bytes.subarray(copied, Math.min(bytes.length, copied + room))
    if (processes.write(address, part) < 0) return -EFAULT
    copied += part.length
  }
  return copied
}

/** The time of a struct timespec in ms, without end where there is none; undefined when it is invalid. */
export function timespecMs(processes: OtherProcesses, pid: number, address: bigint): number | undefined {
  if (address === 0n) return Number.POSITIVE_INFINITY
  const octets = new Uint8Array(TIMESPEC_LEN)
  if (processes.read(pid, address, octets) < 0) return undefined
  const view = new DataView(octets.buffer)
  const [seconds, nanoseconds] = [view.getBigInt64(0, true), view.getBigInt64(8, true)]
  if (seconds < 0n || nanoseconds < 0n || nanoseconds >= NSEC_PER_SEC) return undefined
  return Number(seconds) * 1000 + Number(nanoseconds) / 1e6
}

/** The octets of all parts in one; undefined when they are more than `max`, or not all there. */
export function gathered(
  processes: OtherProcesses,
  pid: number,
  spans: readonly Span[],
  max: number,
): Uint8Array | undefined {
  const length = spans.reduce((n, span) => n + span.length, 0)
  if (length > max) return undefined
  const octets = new Uint8Array(length)
  let at = 0
  for (const { address, length } of spans) {
    if (processes.read(pid, address, octets.subarray(at, at + length)) < 0) return undefined
    at += length
  }
  return octets
}

/** Whether a struct sockaddr_nl, or its absence, means the kernel. */
export function isToKernel(processes: OtherProcesses, pid: number, name: Span | undefined): boolean {
  if (name === undefined || name.address === 0n || name.length === 0) return true
  const sockaddr = new Uint8Array(SOCKADDR_NL_LEN)
  if (name.length < SOCKADDR_NL_LEN || processes.read(pid, name.address, sockaddr) < 0) return false
  return new DataView(sockaddr.buffer).getUint32(NL_PID_AT, true) === 0
}

/** Writes what recvmsg(2) sets in a struct msghdr: the length of the sender's address and of ancillary data, MSG_*. 0, or -EFAULT. */
export function finishMsghdr(
  processes: OtherProcesses,
  address: bigint,
  { namelen, controllen, flags }: { readonly namelen: number; readonly controllen: number; readonly flags: number },
): number {
  const [u32, u64] = [new Uint8Array(4), new Uint8Array(8)]
  const put = (at: number, octets: Uint8Array, value: number) => {
    new DataView(octets.buffer).setUint32(0, value, true)
    return processes.write(address + BigInt(at), octets)
  }
  return Math.min(put(NAMELEN_AT, u32, namelen), put(CONTROLLEN_AT, u64, controllen), put(FLAGS_AT, u32, flags))
}
