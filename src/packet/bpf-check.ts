/**
 * The rules for classic BPF programs, as in the kernel's bpf_check_classic (net/core/filter.c). In
 * addition, a program must not load ancillary data, which only the kernel has. Codes:
 * include/uapi/linux/bpf_common.h.
 */

/** One instruction, as in struct sock_filter. */
export interface BpfInstruction {
  /** Operation: see bpf(4). 16 bits. */
  readonly code: number
  /** How many instructions a conditional jump skips if its condition is true; 8 bits. */
  readonly jt: number
  /** The same if the condition is false. */
  readonly jf: number
  /** Operand: a constant, a position in the frame, or a distance; 32 bits. */
  readonly k: number
}

export const BPF_MAXINSNS = 4096
export const BPF_MEMWORDS = 16

/** From here on, the kernel reads ancillary data in place of the frame (SKF_LL_OFF). */
const FIRST_SPECIAL = 0xffe00000
const CLASS_MASK = 0x07
const CLASS_JMP = 0x05
const CLASS_RET = 0x06
export const BPF_JA = 0x05

const LOADS = [0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1]
const STORES = [0x02, 0x03]
/** neg, ja, ret #k, ret a, tax, txa */
const OTHERS = [0x84, BPF_JA, 0x06, 0x16, 0x07, 0x87]
const ALU = [0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x94, 0xa4].flatMap(code => [code, code | 0x08])
const JUMPS = [0x15, 0x25, 0x35, 0x45].flatMap(code => [code, code | 0x08])
/** Every code that the kernel accepts. */
const CODES: ReadonlySet<number> = new Set([...LOADS, ...STORES, ...ALU, ...JUMPS, ...OTHERS])

/** Throws RangeError, with the number of the instruction, unless the program may run. */
export function checkProgram(instructions: readonly BpfInstruction[]): void {
  const count = instructions.length
  if (count < 1 || count > BPF_MAXINSNS)
    throw new RangeError(`a BPF program has 1 to ${BPF_MAXINSNS} instructions, not ${count}`)
  instructions.forEach((instruction, i) => {
    const wrong = problemOf(instruction, count - i - 1)
    if (wrong !== undefined) throw new RangeError(`BPF instruction ${i}: ${wrong}`)
  })
  if ((instructions[count - 1].code & CLASS_MASK) !== CLASS_RET)
    throw new RangeError(`BPF instruction ${count - 1}: the last one is not a return`)
  checkScratch(instructions)
}

function problemOf({ code, jt, jf, k }: BpfInstruction, left: number): string | undefined {
  if (!CODES.has(code)) return `unknown code 0x${code.toString(16)}`
  if (!isUnsigned(k, 2 ** 32) || !isUnsigned(jt, 256) || !isUnsigned(jf, 256)) return 'a field is out of range'
  switch (code) {
    case 0x34:
    case 0x94:
      return k === 0 ? 'division by zero' : undefined
    case 0x64:
    case 0x74:
      return k >= 32 ? `shift by ${k} bits` : undefined
    case 0x60:
    case 0x61:
    case 0x02:
    case 0x03:
      return k >= BPF_MEMWORDS ? `there is no scratch memory M[${k}]` : undefined
    case 0x20:
    case 0x28:
    case 0x30:
      return k >= FIRST_SPECIAL ? 'load of ancillary data, which only the kernel has' : undefined
    case BPF_JA:
      if (k >= 2 ** 31) return 'jump backward, which pcap-filter(7) needs for protochain only, and the kernel refuses'
      return k >= left ? 'jump past the end' : undefined
    default:
      return (code & CLASS_MASK) === CLASS_JMP && Math.max(jt, jf) >= left ? 'jump past the end' : undefined
  }
}

const isUnsigned = (value: number, limit: number) => Number.isInteger(value) && value >= 0 && value < limit

/**
 * Throws RangeError if scratch memory may be read before it is written (check_load_and_stores).
 * Jumps go forward only, so one pass has seen all paths to an instruction when it reaches it.
 */
function checkScratch(instructions: readonly BpfInstruction[]): void {
  const ALL = 0xffff
  /** For each instruction, the scratch words that are written on every path to it. */
  const onArrival = new Uint16Array(instructions.length).fill(ALL)
  let written = 0
  instructions.forEach(({ code, jt, jf, k }, i) => {
    written &= onArrival[i]
    if (code === 0x02 || code === 0x03) written |= 1 << k
    if ((code === 0x60 || code === 0x61) && (written & (1 << k)) === 0)
      throw new RangeError(`BPF instruction ${i}: M[${k}] may be read before it is written`)
    if ((code & CLASS_MASK) === CLASS_JMP)
      for (const skip of code === BPF_JA ? [k] : [jt, jf]) onArrival[i + 1 + skip] &= written
    // Code after a jump or a return is reached only by jumps.
    if ((code & CLASS_MASK) === CLASS_JMP || (code & CLASS_MASK) === CLASS_RET) written = ALL
  })
}
