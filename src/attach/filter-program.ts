/**
 * A filter of classic BPF as eBPF, at tcx. It decides about the frame as a TAP shows it: the VLAN
 * tag, which the kernel keeps beside the frame, counts as its bytes 12 to 15. Each load is checked
 * before it is made: at a load from outside the kernel would end the program, and skip the programs
 * of others. Registers: r0 is A, r6 the context, r7 X, and r8 the length. r9 is added to a position
 * past the tag to find its byte: -4, or 0 without a tag beside the frame.
 */
import * as bpf from '../linux/bpf.ts'
import * as uapi from '../linux/uapi.ts'
import type { BpfInstruction, BpfProgram } from '../packet/bpf.ts'

const A = 0
const CONTEXT = 6
const X = 7
const LENGTH = 8
const BEHIND = 9
const STACK = bpf.FRAME_POINTER

// The bytes of the tag in the frame, and the end of the addresses before it.
const TAG_START = 12
const TAG_END = 16

// On the stack: M[], the bytes of a load across the tag, the tag as a number, and A.
const SCRATCH = -64
const ACROSS = -72
const TAG = -76
const KEPT = -80

/** Size fields of loads: ld, ldh, ldb. */
const SIZES: Readonly<Record<number, number>> = { 0: 4, 8: 2, 16: 1 }
const size = (code: number) => SIZES[code & 0x18] as number

const LD_ABS = 0x20
const LD_IND = 0x40
const loadAbsolute = (field: number, k: number) => bpf.instruction(LD_ABS | field, 0, 0, 0, k)
const loadIndirect = (field: number, register: number, k: number) =>
  bpf.instruction(LD_IND | field, 0, register, 0, k | 0)
const BYTE = 0x10

const alu32 = (code: number, dst: number, imm: number) => bpf.instruction(code, dst, 0, 0, imm | 0)
const mov32 = (dst: number, src: number) => bpf.instruction(0xbc, dst, src, 0, 0)
const jumpImm = (code: number, dst: number, imm: number, to: string): bpf.Jump => ({ code, dst, src: 0, imm, to })
const IF_LESS = 0xa5
const IF_AT_LEAST = 0x35
const IF_ABOVE_32 = 0x26
/** A position that no frame has. */
const FAR = 2 ** 31 - 1
/**
 * Loads the length again before each use: if the verifier knew more and more of it, it would look
 * at each instruction once for each way there.
 */
const LOAD_LENGTH = [bpf.load32(LENGTH, CONTEXT, uapi.SKB_LEN), bpf.instruction(0x1f, LENGTH, BEHIND, 0, 0)]
/** Makes a number of `bytes` bytes from the order of the network. */
const toHost = (dst: number, bytes: number) => (bytes === 1 ? [] : [bpf.instruction(0xdc, dst, 0, 0, bytes * 8)])

/** A place in a program of several filters: its own labels, and where to go. */
interface Place {
  /** The number of the instruction. */
  readonly i: number
  /** Returns the label of an instruction. */
  at(i: number): string
  readonly reject: string
}

/**
 * Returns the lines that jump to `reject` unless one of the filters matches, with the context in
 * r6. They clobber r0 to r5, r7 to r9 and 80 bytes of the stack.
 */
export function filterLines(filters: readonly BpfProgram[], reject: string): bpf.Line[] {
  return [
    bpf.movImm(BEHIND, 0),
    bpf.load32(2, CONTEXT, uapi.SKB_VLAN_TCI),
    bpf.load32(1, CONTEXT, uapi.SKB_VLAN_PRESENT),
    bpf.jumpIfZero(1, 'untagged'),
    bpf.movImm(BEHIND, TAG_START - TAG_END),
    bpf.load32(1, CONTEXT, uapi.SKB_VLAN_PROTO),
    ...toHost(1, 2),
    alu32(0x64, 1, 16),
    bpf.instruction(0x4c, 2, 1, 0, 0),
    'untagged',
    bpf.store32(STACK, TAG, 2),
    ...LOAD_LENGTH,
    // A way to the match, for filters that match nothing. No frame is empty.
    bpf.jumpIfZero(LENGTH, 'match'),
    ...filters.flatMap(({ instructions }, nth) => [
      `filter ${nth}`,
      ...linesOf(instructions, nth, nth === filters.length - 1 ? reject : `filter ${nth + 1}`),
    ]),
    'match',
  ]
}

function linesOf(instructions: readonly BpfInstruction[], nth: number, reject: string): bpf.Line[] {
  // The kernel takes no instruction that no way leads to.
  const reached = new Set([0])
  for (const [i, each] of instructions.entries()) if (reached.has(i)) for (const to of nextOf(each, i)) reached.add(to)
  const at = (i: number) => `${nth} at ${i}`
  return [
    bpf.movImm(A, 0),
    bpf.movImm(X, 0),
    ...LOAD_LENGTH,
    // A way there, for a filter that matches all frames.
    jumpImm(IF_LESS, LENGTH, 1, reject),
    ...instructions.flatMap((each, i) => (reached.has(i) ? [at(i), ...translated(each, { i, at, reject })] : [])),
  ]
}

/** Returns the instructions that may follow instruction `i`. */
function nextOf({ code, jt, jf, k }: BpfInstruction, i: number): number[] {
  if (code === 0x05) return [i + 1 + k]
  if ((code & 0x07) === 0x06) return []
  return (code & 0x07) === 0x05 ? [i + 1 + jt, i + 1 + jf] : [i + 1]
}

function translated(instruction: BpfInstruction, place: Place): bpf.Line[] {
  const { code, k } = instruction
  const { i, at, reject } = place
  switch (code) {
    case 0x00:
      return [bpf.mov32Imm(A, k | 0)]
    case 0x01:
      return [bpf.mov32Imm(X, k | 0)]
    case 0x20:
    case 0x28:
    case 0x30:
      return absolute(code, k, place)
    case 0x40:
    case 0x48:
    case 0x50:
      return indirect(code, k, place)
    case 0xb1: // ldxb 4*([k]&0xf)
      return [
        bpf.store32(STACK, KEPT, A),
        ...absolute(BYTE, k, place),
        alu32(0x54, A, 0x0f),
        alu32(0x64, A, 2),
        mov32(X, A),
        bpf.load32(A, STACK, KEPT),
      ]
    case 0x60:
      return [bpf.load32(A, STACK, SCRATCH + 4 * k)]
    case 0x61:
      return [bpf.load32(X, STACK, SCRATCH + 4 * k)]
    case 0x02:
      return [bpf.store32(STACK, SCRATCH + 4 * k, A)]
    case 0x03:
      return [bpf.store32(STACK, SCRATCH + 4 * k, X)]
    case 0x80:
      return [...LOAD_LENGTH, mov32(A, LENGTH)]
    case 0x81:
      return [...LOAD_LENGTH, mov32(X, LENGTH)]
    case 0x07:
      return [mov32(X, A)]
    case 0x87:
      return [mov32(A, X)]
    case 0x06:
      return [bpf.jump(k === 0 ? reject : 'match')]
    case 0x16:
      return [bpf.jumpIfZero(A, reject), bpf.jump('match')]
    case 0x05:
      return [bpf.jump(at(i + 1 + k))]
    default:
      return (code & 0x07) === 0x05 ? conditional(instruction, place) : arithmetic(instruction, place)
  }
}

/** jeq, jgt, jge and jset, which have the same operations in 32 bits. */
function conditional({ code, jt, jf, k }: BpfInstruction, { i, at }: Place): bpf.Line[] {
  const condition = { code: code + 1, dst: A, src: (code & 0x08) === 0 ? 0 : X, to: at(i + 1 + jt) }
  return [{ ...condition, imm: (code & 0x08) === 0 ? k | 0 : 0 }, bpf.jump(at(i + 1 + jf))]
}

/** Arithmetic has the same codes in eBPF, but other results for some values of X. */
function arithmetic({ code, k }: BpfInstruction, { i, at, reject }: Place): bpf.Line[] {
  switch (code) {
    case 0x3c: // div x
    case 0x9c: // mod x
      return [bpf.jumpIfZero(X, reject), bpf.instruction(code, A, X, 0, 0)]
    case 0x6c: // lsh x
    case 0x7c: // rsh x
      return [
        jumpImm(IF_ABOVE_32, X, 31, `${at(i)} out`),
        bpf.instruction(code, A, X, 0, 0),
        bpf.jump(at(i + 1)),
        `${at(i)} out`,
        bpf.movImm(A, 0),
      ]
    case 0x84: // neg: its constant must be 0
      return [alu32(code, A, 0)]
    default:
      return [(code & 0x08) === 0 ? alu32(code, A, k) : bpf.instruction(code, A, X, 0, 0)]
  }
}

/** Loads from position k. */
function absolute(code: number, k: number, { i, at, reject }: Place): bpf.Line[] {
  const bytes = size(code)
  const field = code & 0x18
  const checked = [...LOAD_LENGTH, jumpImm(IF_LESS, LENGTH, Math.min(k + bytes, FAR), reject)]
  if (k + bytes <= TAG_START) return [...checked, loadAbsolute(field, k)]
  if (k >= TAG_END) return [...checked, loadIndirect(field, BEHIND, k)]
  const across = Array.from({ length: bytes }, (_, nth): bpf.Line[] => {
    const byte = k + nth
    const isTag = byte >= TAG_START && byte < TAG_END
    const load = isTag
      ? [bpf.load32(A, STACK, TAG), alu32(0x74, A, (TAG_END - 1 - byte) * 8)]
      : [loadAbsolute(BYTE, byte < TAG_START ? byte : byte + TAG_START - TAG_END)]
    return [...load, storeByte(nth)]
  })
  return [...checked, ...unlessTagged([loadAbsolute(field, k)], across.flat(), bytes, at(i))]
}

/** Loads from position X + k, which does not wrap. */
function indirect(code: number, k: number, { i, at, reject }: Place): bpf.Line[] {
  const bytes = size(code)
  const across = Array.from({ length: bytes }, (_, nth): bpf.Line[] => [
    bpf.mov(1, X),
    bpf.addImm(1, k + nth),
    jumpImm(IF_AT_LEAST, 1, TAG_END, `${at(i)} behind ${nth}`),
    jumpImm(IF_AT_LEAST, 1, TAG_START, `${at(i)} in ${nth}`),
    loadIndirect(BYTE, X, k + nth),
    bpf.jump(`${at(i)} store ${nth}`),
    `${at(i)} behind ${nth}`,
    loadIndirect(BYTE, X, k + nth + TAG_START - TAG_END),
    bpf.jump(`${at(i)} store ${nth}`),
    `${at(i)} in ${nth}`,
    bpf.movImm(2, TAG_END - 1),
    bpf.instruction(0x1f, 2, 1, 0, 0),
    alu32(0x64, 2, 3),
    bpf.load32(A, STACK, TAG),
    bpf.instruction(0x7c, A, 2, 0, 0),
    `${at(i)} store ${nth}`,
    storeByte(nth),
  ])
  return [
    ...LOAD_LENGTH,
    bpf.mov(1, X),
    bpf.addImm(1, Math.min(k + bytes, FAR)),
    bpf.jumpIfGreater(1, LENGTH, reject),
    ...unlessTagged([loadIndirect(code & 0x18, X, k)], across.flat(), bytes, at(i)),
  ]
}

/** Loads by `whole` or, from a frame with a tag beside it, a byte after the other by `across`. */
function unlessTagged(whole: bpf.Line[], across: bpf.Line[], bytes: number, at: string): bpf.Line[] {
  const loadAcross = bpf.instruction({ 4: 0x61, 2: 0x69, 1: 0x71 }[bytes] as number, A, STACK, ACROSS, 0)
  return [
    bpf.jumpIfZero(BEHIND, `${at} whole`),
    ...across,
    loadAcross,
    ...toHost(A, bytes),
    bpf.jump(`${at} loaded`),
    `${at} whole`,
    ...whole,
    `${at} loaded`,
  ]
}

const storeByte = (nth: number) => bpf.instruction(0x73, STACK, A, ACROSS + nth, 0)
