/**
 * Classic BPF the slow way: codes are taken apart by their fields, numbers are bigint, and the
 * rules about scratch memory are checked by walking every way through a program. bpf(4).
 */
import type { Random } from '#src/base/random.ts'
import type { BpfInstruction } from '#src/packet/bpf.ts'

/** All codes, by the mnemonics of `tcpdump -d`. */
export const CODE = {
  'ld #': 0x00,
  'ld []': 0x20,
  'ldh []': 0x28,
  'ldb []': 0x30,
  'ld [x+]': 0x40,
  'ldh [x+]': 0x48,
  'ldb [x+]': 0x50,
  'ld M': 0x60,
  'ld len': 0x80,
  'ldx #': 0x01,
  'ldx M': 0x61,
  'ldx len': 0x81,
  msh: 0xb1,
  st: 0x02,
  stx: 0x03,
  'add #': 0x04,
  'add x': 0x0c,
  'sub #': 0x14,
  'sub x': 0x1c,
  'mul #': 0x24,
  'mul x': 0x2c,
  'div #': 0x34,
  'div x': 0x3c,
  'mod #': 0x94,
  'mod x': 0x9c,
  'or #': 0x44,
  'or x': 0x4c,
  'and #': 0x54,
  'and x': 0x5c,
  'xor #': 0xa4,
  'xor x': 0xac,
  'lsh #': 0x64,
  'lsh x': 0x6c,
  'rsh #': 0x74,
  'rsh x': 0x7c,
  neg: 0x84,
  ja: 0x05,
  'jeq #': 0x15,
  'jeq x': 0x1d,
  'jgt #': 0x25,
  'jgt x': 0x2d,
  'jge #': 0x35,
  'jge x': 0x3d,
  'jset #': 0x45,
  'jset x': 0x4d,
  'ret #': 0x06,
  'ret a': 0x16,
  tax: 0x07,
  txa: 0x87,
} as const
export type Name = keyof typeof CODE

export const op = (name: Name, k = 0, jt = 0, jf = 0): BpfInstruction => ({
  code: CODE[name],
  jt,
  jf,
  k,
})
const [LD, LDX, ST, STX, ALU, JMP, RET] = [0, 1, 2, 3, 4, 5, 6]
const classOf = ({ code }: BpfInstruction) => code & 7

/** The kernel's rules, with every way through the program walked for those about memory. */
export function isValid(program: readonly BpfInstruction[]): boolean {
  const codes = new Set<number>(Object.values(CODE))
  const isMemory = (one: BpfInstruction) =>
    classOf(one) === ST ||
    classOf(one) === STX ||
    (classOf(one) <= LDX && (one.code & 0xe0) === 0x60)
  const isFine = (one: BpfInstruction, i: number) => {
    const { code, jt, jf, k } = one
    if (!codes.has(code)) return false
    if (isMemory(one)) return k < 16
    if ((code & 0xe7) === 0x20) return k < 0xffe00000
    if (code === CODE['div #'] || code === CODE['mod #']) return k !== 0
    if (code === CODE['lsh #'] || code === CODE['rsh #']) return k < 32
    if (code === CODE.ja) return i + 1 + k < program.length
    return classOf(one) !== JMP || i + 1 + Math.max(jt, jf) < program.length
  }
  if (!program.every(isFine) || classOf(program.at(-1) as BpfInstruction) !== RET) return false
  const walked = new Set<string>()
  const walk = (pc: number, written: number): boolean => {
    const key = `${pc}/${written}`
    if (walked.has(key)) return true
    walked.add(key)
    const one = program[pc]
    const cls = classOf(one)
    if (cls === RET) return true
    if (one.code === CODE.ja) return walk(pc + 1 + one.k, written)
    if (cls === JMP) return walk(pc + 1 + one.jt, written) && walk(pc + 1 + one.jf, written)
    if (cls === ST || cls === STX) return walk(pc + 1, written | (1 << one.k))
    return (!isMemory(one) || (written & (1 << one.k)) !== 0) && walk(pc + 1, written)
  }
  return walk(0, 0)
}

/** Runs a valid program one field of its codes at a time. */
export function model(program: readonly BpfInstruction[], frame: Uint8Array): number {
  let [a, x] = [0n, 0n]
  const memory = new Array<bigint>(16).fill(0n)
  const load = (at: bigint, size: number) => {
    if (at + BigInt(size) > BigInt(frame.length)) return undefined
    return [...frame.subarray(Number(at), Number(at) + size)].reduce(
      (sum, byte) => sum * 256n + BigInt(byte),
      0n,
    )
  }
  for (let pc = 0; ; pc++) {
    const one = program[pc]
    const { code, jt, jf } = one
    const k = BigInt(one.k)
    const operand = (code & 8) === 0 ? k : x
    const fetch = (mode: number, size: number) => {
      if (mode === 0x00) return k
      if (mode === 0x20) return load(k, size)
      if (mode === 0x40) return load(x + k, size)
      if (mode === 0x60) return memory[one.k]
      if (mode === 0x80) return BigInt(frame.length)
      const byte = load(k, 1)
      return byte === undefined ? undefined : (byte % 16n) * 4n
    }
    switch (classOf(one)) {
      case LD:
      case LDX: {
        const size = [4, 2, 1][(code & 0x18) >> 3]
        const value = fetch(code & 0xe0, size)
        if (value === undefined) return 0
        if (classOf(one) === LD) {
          a = value
        } else {
          x = value
        }
        break
      }
      case ST:
        memory[one.k] = a
        break
      case STX:
        memory[one.k] = x
        break
      case ALU: {
        const kind = code >> 4
        if ((kind === 3 || kind === 9) && operand === 0n) return 0
        const value = [
          () => a + operand,
          () => a - operand,
          () => a * operand,
          () => a / operand,
          () => a | operand,
          () => a & operand,
          () => (operand < 32n ? a << operand : 0n),
          () => (operand < 32n ? a >> operand : 0n),
          () => -a,
          () => a % operand,
          () => a ^ operand,
        ][kind]()
        a = BigInt.asUintN(32, value)
        break
      }
      case JMP: {
        const kind = code >> 4
        const is = [true, a === operand, a > operand, a >= operand, (a & operand) !== 0n][kind]
        const branch = is ? jt : jf
        pc += kind === 0 ? one.k : branch
        break
      }
      case RET:
        return Number((code & 0x10) === 0 ? k : a)
      default:
        if (code === CODE.tax) {
          x = a
        } else {
          a = x
        }
    }
  }
}

const names = Object.keys(CODE) as Name[]
const EDGES = [
  0, 1, 2, 3, 5, 15, 16, 31, 32, 63, 64, 0x7fffffff, 0x80000000, 0xffe00000, 0xffffffff,
]

/** Returns a random program; about half of them are valid. */
export function randomProgram({ below }: Random): BpfInstruction[] {
  const length = 1 + below(24)
  const program = Array.from({ length }, (_, i): BpfInstruction => {
    const name = names[below(names.length)]
    // One too many now and then.
    const left = Math.max(1, length - i - 1 + (below(20) === 0 ? 1 : 0))
    const isJump = name.startsWith('j')
    const isMemory = /M$|^stx?$/.test(name)
    const isConstant = /^(ld|ldx|add|sub|mul|and|or|xor|jeq|jgt|jge|jset|ret) #$/.test(name)
    const most = name === 'ja' ? left : 40
    const small = below(isMemory ? 3 : most)
    const k = below(8) === 0 || isConstant ? EDGES[below(EDGES.length)] : small
    return {
      code: CODE[name],
      k,
      jt: isJump ? below(left) : below(2),
      jf: isJump ? below(left) : 0,
    }
  })
  if (below(10) !== 0) {
    program[length - 1] = below(2) === 0 ? op('ret a') : op('ret #', 1 + below(9))
  }
  if (below(20) === 0) {
    program[below(length)] = { ...program[below(length)], code: below(0x10000) }
  }
  // Most programs write the words that others read.
  return below(4) === 0
    ? program
    : [op('st', 0), op('ld len'), op('st', 1), op('stx', 2), ...program]
}
