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
import * as codes from '../packet/bpf-codes.ts'

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
const SIZES: Readonly<Record<number, number>> = {
  [codes.SIZE_W]: 4,
  [codes.SIZE_H]: 2,
  [codes.SIZE_B]: 1,
}
const size = (code: number) => SIZES[code & codes.SIZE_MASK] as number

const loadAbsolute = (field: number, k: number) =>
  bpf.instruction(codes.LD_W_ABS | field, 0, 0, 0, k)
const loadIndirect = (field: number, register: number, k: number) =>
  bpf.instruction(codes.LD_W_IND | field, 0, register, 0, k | 0)

const alu32 = (code: number, dst: number, imm: number) => bpf.instruction(code, dst, 0, 0, imm | 0)
const mov32 = (dst: number, src: number) => bpf.instruction(codes.EBPF_MOV32_X, dst, src, 0, 0)
const jumpImm = (code: number, dst: number, imm: number, to: string): bpf.Jump => ({
  code,
  dst,
  src: 0,
  imm,
  to,
})
/** A position that no frame has. */
const FAR = 2 ** 31 - 1
/**
 * Loads the length again before each use: if the verifier knew more and more of it, it would look
 * at each instruction once for each way there.
 */
const LOAD_LENGTH = [
  bpf.load32(LENGTH, CONTEXT, uapi.SKB_LEN),
  bpf.instruction(codes.EBPF_SUB_X, LENGTH, BEHIND, 0, 0),
]
/** Makes a number of `bytes` bytes from the order of the network. */
const toHost = (dst: number, bytes: number) =>
  bytes === 1 ? [] : [bpf.instruction(codes.EBPF_TO_BE, dst, 0, 0, bytes * 8)]

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
    alu32(codes.LSH_K, 1, 16),
    bpf.instruction(codes.OR_X, 2, 1, 0, 0),
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
  for (const [i, each] of instructions.entries()) {
    if (reached.has(i)) {
      for (const to of nextOf(each, i)) {
        reached.add(to)
      }
    }
  }
  const at = (i: number) => `${nth} at ${i}`
  return [
    bpf.movImm(A, 0),
    bpf.movImm(X, 0),
    ...LOAD_LENGTH,
    // A way there, for a filter that matches all frames.
    jumpImm(codes.EBPF_JLT_K, LENGTH, 1, reject),
    ...instructions.flatMap((each, i) =>
      reached.has(i) ? [at(i), ...translated(each, { i, at, reject })] : [],
    ),
  ]
}

/** Returns the instructions that may follow instruction `i`. */
function nextOf({ code, jt, jf, k }: BpfInstruction, i: number): number[] {
  if (code === codes.JA) return [i + 1 + k]
  if ((code & codes.CLASS_MASK) === codes.CLASS_RET) return []
  return (code & codes.CLASS_MASK) === codes.CLASS_JMP ? [i + 1 + jt, i + 1 + jf] : [i + 1]
}

function translated(instruction: BpfInstruction, place: Place): bpf.Line[] {
  const { code, k } = instruction
  const { i, at, reject } = place
  switch (code) {
    case codes.LD_IMM:
      return [bpf.mov32Imm(A, k | 0)]
    case codes.LDX_IMM:
      return [bpf.mov32Imm(X, k | 0)]
    case codes.LD_W_ABS:
    case codes.LD_H_ABS:
    case codes.LD_B_ABS:
      return absolute(code, k, place)
    case codes.LD_W_IND:
    case codes.LD_H_IND:
    case codes.LD_B_IND:
      return indirect(code, k, place)
    case codes.LDX_B_MSH: // ldxb 4*([k]&0xf)
      return [
        bpf.store32(STACK, KEPT, A),
        ...absolute(codes.SIZE_B, k, place),
        alu32(codes.AND_K, A, 0x0f),
        alu32(codes.LSH_K, A, 2),
        mov32(X, A),
        bpf.load32(A, STACK, KEPT),
      ]
    case codes.LD_MEM:
      return [bpf.load32(A, STACK, SCRATCH + 4 * k)]
    case codes.LDX_MEM:
      return [bpf.load32(X, STACK, SCRATCH + 4 * k)]
    case codes.ST:
      return [bpf.store32(STACK, SCRATCH + 4 * k, A)]
    case codes.STX:
      return [bpf.store32(STACK, SCRATCH + 4 * k, X)]
    case codes.LD_LEN:
      return [...LOAD_LENGTH, mov32(A, LENGTH)]
    case codes.LDX_LEN:
      return [...LOAD_LENGTH, mov32(X, LENGTH)]
    case codes.TAX:
      return [mov32(X, A)]
    case codes.TXA:
      return [mov32(A, X)]
    case codes.RET_K:
      return [bpf.jump(k === 0 ? reject : 'match')]
    case codes.RET_A:
      return [bpf.jumpIfZero(A, reject), bpf.jump('match')]
    case codes.JA:
      return [bpf.jump(at(i + 1 + k))]
    default:
      return (code & codes.CLASS_MASK) === codes.CLASS_JMP
        ? conditional(instruction, place)
        : arithmetic(instruction, place)
  }
}

/** jeq, jgt, jge and jset, which have the same operations in 32 bits. */
function conditional({ code, jt, jf, k }: BpfInstruction, { i, at }: Place): bpf.Line[] {
  const condition = {
    code: (code & ~codes.CLASS_MASK) | codes.EBPF_CLASS_JMP32,
    dst: A,
    src: (code & codes.OPERAND_X) === 0 ? 0 : X,
    to: at(i + 1 + jt),
  }
  return [
    { ...condition, imm: (code & codes.OPERAND_X) === 0 ? k | 0 : 0 },
    bpf.jump(at(i + 1 + jf)),
  ]
}

/** Arithmetic has the same codes in eBPF, but other results for some values of X. */
function arithmetic({ code, k }: BpfInstruction, { i, at, reject }: Place): bpf.Line[] {
  switch (code) {
    case codes.DIV_X: // div x
    case codes.MOD_X: // mod x
      return [bpf.jumpIfZero(X, reject), bpf.instruction(code, A, X, 0, 0)]
    case codes.LSH_X: // lsh x
    case codes.RSH_X: // rsh x
      return [
        jumpImm(codes.EBPF_JGT32_K, X, 31, `${at(i)} out`),
        bpf.instruction(code, A, X, 0, 0),
        bpf.jump(at(i + 1)),
        `${at(i)} out`,
        bpf.movImm(A, 0),
      ]
    case codes.NEG: // neg: its constant must be 0
      return [alu32(code, A, 0)]
    default:
      return [
        (code & codes.OPERAND_X) === 0 ? alu32(code, A, k) : bpf.instruction(code, A, X, 0, 0),
      ]
  }
}

/** Loads from position k. */
function absolute(code: number, k: number, { i, at, reject }: Place): bpf.Line[] {
  const bytes = size(code)
  const field = code & codes.SIZE_MASK
  const checked = [
    ...LOAD_LENGTH,
    jumpImm(codes.EBPF_JLT_K, LENGTH, Math.min(k + bytes, FAR), reject),
  ]
  if (k + bytes <= TAG_START) return [...checked, loadAbsolute(field, k)]
  if (k >= TAG_END) return [...checked, loadIndirect(field, BEHIND, k)]
  const across = Array.from({ length: bytes }, (_, nth): bpf.Line[] => {
    const byte = k + nth
    const isTag = byte >= TAG_START && byte < TAG_END
    const load = isTag
      ? [bpf.load32(A, STACK, TAG), alu32(codes.RSH_K, A, (TAG_END - 1 - byte) * 8)]
      : [loadAbsolute(codes.SIZE_B, byte < TAG_START ? byte : byte + TAG_START - TAG_END)]
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
    jumpImm(codes.JGE_K, 1, TAG_END, `${at(i)} behind ${nth}`),
    jumpImm(codes.JGE_K, 1, TAG_START, `${at(i)} in ${nth}`),
    loadIndirect(codes.SIZE_B, X, k + nth),
    bpf.jump(`${at(i)} store ${nth}`),
    `${at(i)} behind ${nth}`,
    loadIndirect(codes.SIZE_B, X, k + nth + TAG_START - TAG_END),
    bpf.jump(`${at(i)} store ${nth}`),
    `${at(i)} in ${nth}`,
    bpf.movImm(2, TAG_END - 1),
    bpf.instruction(codes.EBPF_SUB_X, 2, 1, 0, 0),
    alu32(codes.LSH_K, 2, 3),
    bpf.load32(A, STACK, TAG),
    bpf.instruction(codes.RSH_X, A, 2, 0, 0),
    `${at(i)} store ${nth}`,
    storeByte(nth),
  ])
  return [
    ...LOAD_LENGTH,
    bpf.mov(1, X),
    bpf.addImm(1, Math.min(k + bytes, FAR)),
    bpf.jumpIfGreater(1, LENGTH, reject),
    ...unlessTagged([loadIndirect(code & codes.SIZE_MASK, X, k)], across.flat(), bytes, at(i)),
  ]
}

/** Loads from memory by their bytes. */
const LOAD_BY_SIZE: Readonly<Record<number, number>> = {
  4: codes.EBPF_LDX_W,
  2: codes.EBPF_LDX_H,
  1: codes.EBPF_LDX_B,
}

/** Loads by `whole` or, from a frame with a tag beside it, a byte after the other by `across`. */
function unlessTagged(
  whole: bpf.Line[],
  across: bpf.Line[],
  bytes: number,
  at: string,
): bpf.Line[] {
  const loadAcross = bpf.instruction(LOAD_BY_SIZE[bytes] as number, A, STACK, ACROSS, 0)
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

const storeByte = (nth: number) => bpf.instruction(codes.EBPF_STX_B, STACK, A, ACROSS + nth, 0)
