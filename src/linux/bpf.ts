/**
 * bpf(2): arrays of 64-bit values, programs for tcx, and the links that attach them to an
 * interface. Every descriptor holds its object, so all of them end with the process.
 */
import { readFileSync } from 'node:fs'
import { E2BIG, EAGAIN, EINVAL, EOPNOTSUPP, VnetError } from '../base/errno.ts'
import { getU32, putU32 } from '../netlink/host-order.ts'
import * as codes from '../packet/bpf-codes.ts'
import { bpfAside } from './aside.ts'
import { check, closing } from './errno.ts'
import type { Native } from './native.ts'
import { TCX_MISSING } from './requirements.ts'
import * as uapi from './uapi.ts'

/** The register with the end of the stack, 512 bytes. */
export const FRAME_POINTER = 10

/** sizeof(union bpf_attr) up to the fields used here. */
const ATTR_LEN = 128
const LOG_LEN = 64 << 10
const STATISTICS = /^(processed|verification time|stack depth) /
/** As libbpf. */
const LOAD_ATTEMPTS = 5
/** The most programs of one type on an interface (BPF_MPROG_MAX). */
const PROGRAMS_MAX = 64
/** sizeof(struct bpf_prog_info) up to the name, and the name's place. */
const PROG_INFO_LEN = 80
const PROG_INFO_NAME = 64

/** Instructions of 8 bytes each (Documentation/bpf/standardization/instruction-set.rst). */
export type Instruction = Uint8Array

/** A jump to a label. */
export interface Jump {
  readonly code: number
  readonly dst: number
  readonly src: number
  readonly imm: number
  readonly to: string
}

/** A line of a program: a text is the label of the next instruction. */
export type Line = Instruction | Jump | string

export function instruction(
  code: number,
  dst: number,
  src: number,
  offset: number,
  imm: number,
): Instruction {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, code)
  view.setUint8(1, dst | (src << 4))
  view.setInt16(2, offset, true)
  view.setInt32(4, imm, true)
  return bytes
}

/** Replaces labels by distances. Throws a VnetError, E2BIG, if a jump is too long. */
export function assemble(lines: readonly Line[]): Instruction[] {
  const labels = new Map<string, number>()
  let count = 0
  for (const line of lines) {
    if (typeof line === 'string') {
      labels.set(line, count)
    } else {
      count++
    }
  }
  const code = lines.filter(line => typeof line !== 'string')
  return code.map((line, at) => {
    if (line instanceof Uint8Array) return line
    const distance = (labels.get(line.to) as number) - at - 1
    if (distance > JUMP_MAX) throw new VnetError(E2BIG, ['BPF_PROG_LOAD', 'eBPF program'])
    return instruction(line.code, line.dst, line.src, distance, line.imm)
  })
}

const JUMP_MAX = 0x7fff

export const mov = (dst: number, src: number): Instruction =>
  instruction(codes.EBPF_MOV_X, dst, src, 0, 0)
export const movImm = (dst: number, imm: number): Instruction =>
  instruction(codes.EBPF_MOV_K, dst, 0, 0, imm)
/** Sets the lower 32 bits and clears the others. */
export const mov32Imm = (dst: number, imm: number): Instruction =>
  instruction(codes.EBPF_MOV32_K, dst, 0, 0, imm)
export const load32 = (dst: number, src: number, offset: number): Instruction =>
  instruction(codes.EBPF_LDX_W, dst, src, offset, 0)
export const load64 = (dst: number, src: number, offset: number): Instruction =>
  instruction(codes.EBPF_LDX_DW, dst, src, offset, 0)
export const store32 = (dst: number, offset: number, src: number): Instruction =>
  instruction(codes.EBPF_STX_W, dst, src, offset, 0)
const store64 = (dst: number, offset: number, src: number): Instruction =>
  instruction(codes.EBPF_STX_DW, dst, src, offset, 0)
export const addImm = (dst: number, imm: number): Instruction =>
  instruction(codes.EBPF_ADD_K, dst, 0, 0, imm)
/** Adds atomically to 64 bits in memory. */
export const addAtomic64 = (dst: number, offset: number, src: number): Instruction =>
  instruction(codes.EBPF_ATOMIC_DW, dst, src, offset, 0)
export const jump = (to: string): Jump => ({ code: codes.JA, dst: 0, src: 0, imm: 0, to })
export const jumpIfEqual = (dst: number, src: number, to: string): Jump => ({
  code: codes.JEQ_X,
  dst,
  src,
  imm: 0,
  to,
})
export const jumpIfGreater = (dst: number, src: number, to: string): Jump => ({
  code: codes.JGT_X,
  dst,
  src,
  imm: 0,
  to,
})
export const jumpIfZero = (dst: number, to: string): Jump => ({
  code: codes.JEQ_K,
  dst,
  src: 0,
  imm: 0,
  to,
})
export const call = (helper: number): Instruction => instruction(codes.EBPF_CALL, 0, 0, 0, helper)
export const exit = (): Instruction => instruction(codes.EBPF_EXIT, 0, 0, 0, 0)
/** Loads the address of the first value of an array. Two instructions. */
export const mapValue = (dst: number, map: number): Instruction[] => [
  instruction(codes.EBPF_LD_IMM64, dst, uapi.BPF_PSEUDO_MAP_VALUE, 0, map),
  instruction(0, 0, 0, 0, 0),
]

/** Adds 1 to the word `at` of this CPU's value of an array. Clobbers r0 to r5. */
export const countPerCpu = (map: number, at: number): Line[] => [
  movImm(1, 0),
  store32(FRAME_POINTER, -4, 1),
  mov(2, FRAME_POINTER),
  addImm(2, -4),
  instruction(codes.EBPF_LD_IMM64, 1, uapi.BPF_PSEUDO_MAP_FD, 0, map),
  instruction(0, 0, 0, 0, 0),
  call(uapi.BPF_FUNC_MAP_LOOKUP_ELEM),
  jumpIfZero(0, `counted ${at}`),
  load64(1, 0, at * 8),
  addImm(1, 1),
  store64(0, at * 8, 1),
  `counted ${at}`,
]

/** An array with a value of `count` 64-bit words, for each CPU or all. Returns its descriptor. */
export function createArray(native: Native, count: number, isPerCpu = false): number {
  const type = isPerCpu ? uapi.BPF_MAP_TYPE_PERCPU_ARRAY : uapi.BPF_MAP_TYPE_ARRAY
  const attr = attributes({ 0: type, 4: 4, 8: count * 8, 12: 1 })
  return checkBpf(native.bpf(-1, uapi.BPF_MAP_CREATE, attr), 'BPF_MAP_CREATE')
}

const KEY = new Uint8Array(4)

/** Replaces the whole value of an array, which all instances of the program see. */
export function writeArray(native: Native, map: number, value: BigUint64Array): void {
  element(native, uapi.BPF_MAP_UPDATE_ELEM, map, value)
}

/** Copies the whole value of an array into `into`. */
export function readArray(native: Native, map: number, into: BigUint64Array): void {
  element(native, uapi.BPF_MAP_LOOKUP_ELEM, map, into)
}

/** How many CPUs an array of each CPU has values of (Documentation/admin-guide/cputopology.rst). */
export function possibleCpus(): number {
  const list = readFileSync('/sys/devices/system/cpu/possible', 'utf8')
  const last = list.trim().split(/[-,]/).at(-1)
  return Number(last) + 1
}

function element(native: Native, command: number, map: number, value: BigUint64Array): void {
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  checkBpf(native.bpf(-1, command, attributes({ 0: map }), 8, KEY, 16, bytes), 'bpf(2) of a map')
}

/** Loads a program for tcx. `name` has at most 15 characters. Returns its descriptor. */
export function loadProgram(native: Native, name: string, lines: readonly Line[]): number {
  const instructions = assemble(lines)
  const code = Buffer.concat(instructions)
  const log = new Uint8Array(LOG_LEN)
  const attr = attributes({
    0: uapi.BPF_PROG_TYPE_SCHED_CLS,
    4: instructions.length,
    24: uapi.BPF_LOG_STATS,
    28: LOG_LEN,
  })
  attr.set(new TextEncoder().encode(name), 48)
  let fd = -EAGAIN
  // A signal during verification, such as a profiler's, makes it end with EAGAIN.
  for (let i = 0; fd === -EAGAIN && i < LOAD_ATTEMPTS; i++) {
    fd = native.bpf(-1, uapi.BPF_PROG_LOAD, attr, 8, code, 16, LICENSE, 32, log)
  }
  if (fd >= 0) return fd
  const report = Buffer.from(log.subarray(0, log.indexOf(0)))
    .toString()
    .trim()
    .split('\n')
  const said = report.filter(line => !STATISTICS.test(line)).at(-1)
  throw new VnetError(
    fd,
    ['BPF_PROG_LOAD', `eBPF program ${name}`],
    said || 'CAP_BPF and CAP_NET_ADMIN are needed',
  )
}

/** Only programs with this license may call some helpers. */
const LICENSE = new TextEncoder().encode('GPL\0')

/** An interface: its index, and a descriptor of its network namespace; -1 is the thread's own. */
export type TcxTarget = Readonly<{ nsfd: number; ifindex: number }>

/** Attaches a program before all others there, in some 10 ms. Returns the link's descriptor. */
export async function attachTcx(
  native: Native,
  program: number,
  { nsfd, ifindex }: TcxTarget,
  type: number,
): Promise<number> {
  const attr = attributes({ 0: program, 4: ifindex, 8: type, 12: uapi.BPF_F_BEFORE }, 64)
  return checkTcx(await bpfAside(native, nsfd, uapi.BPF_LINK_CREATE, attr), 'BPF_LINK_CREATE')
}

/** Puts another program in the place of a link's, in one step. */
export function replaceProgram(native: Native, link: number, program: number): void {
  checkBpf(
    native.bpf(-1, uapi.BPF_LINK_UPDATE, attributes({ 0: link, 4: program }, 64)),
    'BPF_LINK_UPDATE',
  )
}

/** The names of an interface's tcx programs in their order; undefined without CAP_SYS_ADMIN. */
export function tcxPrograms(
  native: Native,
  { nsfd, ifindex }: TcxTarget,
  type: number,
): (string | undefined)[] {
  const attr = attributes({ 0: ifindex, 4: type, 24: PROGRAMS_MAX }, 64)
  const ids = new Uint32Array(PROGRAMS_MAX)
  checkTcx(
    native.bpf(nsfd, uapi.BPF_PROG_QUERY, attr, 16, new Uint8Array(ids.buffer)),
    'BPF_PROG_QUERY',
  )
  return [...ids.subarray(0, getU32(attr, 24))].map(id => programName(native, id))
}

/** Returns the name of a program by its id; undefined if it was deleted or may not be looked at. */
export function programName(native: Native, id: number): string | undefined {
  const program = native.bpf(-1, uapi.BPF_PROG_GET_FD_BY_ID, attributes({ 0: id }, 16))
  if (program < 0) return undefined
  return closing(native, program, fd => {
    const info = new Uint8Array(PROG_INFO_LEN)
    const about = attributes({ 0: fd, 4: PROG_INFO_LEN }, 16)
    if (native.bpf(-1, uapi.BPF_OBJ_GET_INFO_BY_FD, about, 8, info) < 0) return undefined
    return Buffer.from(info.subarray(PROG_INFO_NAME)).toString('latin1').replace(/\0.*/s, '')
  })
}

function checkTcx(result: number, what: string): number {
  if (result === -EINVAL) throw new VnetError(EOPNOTSUPP, [what, 'eBPF'], TCX_MISSING)
  return checkBpf(result, what)
}

/** A union bpf_attr of `length` bytes: 32-bit fields by their offset. */
function attributes(fields: Readonly<Record<number, number>>, length = ATTR_LEN): Uint8Array {
  const attr = new Uint8Array(length)
  for (const [offset, value] of Object.entries(fields)) {
    putU32(attr, Number(offset), value)
  }
  return attr
}

function checkBpf(result: number, what: string): number {
  return check(result, [what, 'eBPF'], 'CAP_BPF and CAP_NET_ADMIN are needed')
}
