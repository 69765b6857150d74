/**
 * Classic BPF, the machine of packet filters: an accumulator A, an index register X and 16 words of
 * scratch memory, all of 32 bits, unsigned. A program is checked once, by the rules of the kernel's
 * bpf_check_classic (net/core/filter.c); it can then neither loop nor read outside a frame. It must
 * not load ancillary data, which only the kernel has. Results equal those from libpcap's
 * bpf_filter.
 */
import * as codes from './bpf-codes.ts'
import { get16, get32 } from './octets.ts'

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

const BPF_MAXINSNS = 4096
const BPF_MEMWORDS = 16

/** From here on, the kernel reads ancillary data in place of the frame (SKF_LL_OFF). */
const FIRST_SPECIAL = 0xffe00000

/** Every code that a program may have. */
const CODES: ReadonlySet<number> = new Set([
  codes.LD_IMM,
  codes.LD_W_ABS,
  codes.LD_H_ABS,
  codes.LD_B_ABS,
  codes.LD_W_IND,
  codes.LD_H_IND,
  codes.LD_B_IND,
  codes.LD_MEM,
  codes.LD_LEN,
  codes.LDX_IMM,
  codes.LDX_MEM,
  codes.LDX_LEN,
  codes.LDX_B_MSH,
  codes.ST,
  codes.STX,
  codes.ADD_K,
  codes.ADD_X,
  codes.SUB_K,
  codes.SUB_X,
  codes.MUL_K,
  codes.MUL_X,
  codes.DIV_K,
  codes.DIV_X,
  codes.OR_K,
  codes.OR_X,
  codes.AND_K,
  codes.AND_X,
  codes.LSH_K,
  codes.LSH_X,
  codes.RSH_K,
  codes.RSH_X,
  codes.NEG,
  codes.MOD_K,
  codes.MOD_X,
  codes.XOR_K,
  codes.XOR_X,
  codes.JA,
  codes.JEQ_K,
  codes.JEQ_X,
  codes.JGT_K,
  codes.JGT_X,
  codes.JGE_K,
  codes.JGE_X,
  codes.JSET_K,
  codes.JSET_X,
  codes.RET_K,
  codes.RET_A,
  codes.TAX,
  codes.TXA,
])

/** Throws RangeError, with the number of the instruction, unless the program may run. */
function checkProgram(instructions: readonly BpfInstruction[]): void {
  const count = instructions.length
  if (count < 1 || count > BPF_MAXINSNS) {
    throw new RangeError(`a BPF program has 1 to ${BPF_MAXINSNS} instructions, not ${count}`)
  }
  instructions.forEach((instruction, i) => {
    const wrong = problemOf(instruction, count - i - 1)
    if (wrong !== undefined) throw new RangeError(`BPF instruction ${i}: ${wrong}`)
  })
  if ((instructions[count - 1].code & codes.CLASS_MASK) !== codes.CLASS_RET) {
    throw new RangeError(`BPF instruction ${count - 1}: the last one is not a return`)
  }
  checkScratch(instructions)
}

function problemOf({ code, jt, jf, k }: BpfInstruction, left: number): string | undefined {
  if (!CODES.has(code)) return `unknown code 0x${code.toString(16)}`
  if (!isUnsigned(k, 2 ** 32) || !isUnsigned(jt, 256) || !isUnsigned(jf, 256)) {
    return 'a field is out of range'
  }
  switch (code) {
    case codes.DIV_K:
    case codes.MOD_K:
      return k === 0 ? 'division by zero' : undefined
    case codes.LSH_K:
    case codes.RSH_K:
      return k >= 32 ? `shift by ${k} bits` : undefined
    case codes.LD_MEM:
    case codes.LDX_MEM:
    case codes.ST:
    case codes.STX:
      return k >= BPF_MEMWORDS ? `there is no scratch memory M[${k}]` : undefined
    case codes.LD_W_ABS:
    case codes.LD_H_ABS:
    case codes.LD_B_ABS:
      return k >= FIRST_SPECIAL ? 'load of ancillary data, which only the kernel has' : undefined
    case codes.JA:
      if (k >= 2 ** 31) {
        return 'jump backward, which pcap-filter(7) needs for protochain only, and the kernel refuses'
      }
      return k >= left ? 'jump past the end' : undefined
    default:
      return (code & codes.CLASS_MASK) === codes.CLASS_JMP && Math.max(jt, jf) >= left
        ? 'jump past the end'
        : undefined
  }
}

const isUnsigned = (value: number, limit: number) =>
  Number.isInteger(value) && value >= 0 && value < limit

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
    if (code === codes.ST || code === codes.STX) {
      written |= 1 << k
    }
    if ((code === codes.LD_MEM || code === codes.LDX_MEM) && (written & (1 << k)) === 0) {
      throw new RangeError(`BPF instruction ${i}: M[${k}] may be read before it is written`)
    }
    if ((code & codes.CLASS_MASK) === codes.CLASS_JMP) {
      for (const skip of code === codes.JA ? [k] : [jt, jf]) {
        onArrival[i + 1 + skip] &= written
      }
    }
    // Code after a jump or a return is reached only by jumps.
    if (
      (code & codes.CLASS_MASK) === codes.CLASS_JMP ||
      (code & codes.CLASS_MASK) === codes.CLASS_RET
    ) {
      written = ALL
    }
  })
}

/** Words for each instruction in the packed program: code, k, where to go if true, if false. */
const STRIDE = 4

/** A checked program. It may run any number of times, but not inside another run of itself. */
export class BpfProgram {
  readonly instructions: readonly BpfInstruction[]
  readonly #words: Int32Array
  // Never cleared: checkProgram refuses programs that could read a word before they write it.
  readonly #scratch = new Int32Array(BPF_MEMWORDS)

  /** Throws RangeError unless the program passes the kernel's checks (checkProgram). */
  constructor(instructions: readonly BpfInstruction[]) {
    checkProgram(instructions)
    this.instructions = instructions
    this.#words = new Int32Array(instructions.length * STRIDE)
    instructions.forEach(({ code, jt, jf, k }, i) => {
      const next = i + 1
      const targets = code === codes.JA ? [next + k, 0] : [next + jt, next + jf]
      this.#words.set([code, k, ...targets.map(target => target * STRIDE)], i * STRIDE)
    })
  }

  /** Like run, for `bytes` at the start of a frame of `length` bytes, which is `len`. */
  runCutOff(bytes: Uint8Array, length: number): number {
    // `len` becomes a constant: another length in `run` would slow down all programs.
    const isLen = ({ code }: BpfInstruction) => code === codes.LD_LEN || code === codes.LDX_LEN
    if (!this.instructions.some(isLen)) return this.run(bytes, 0, bytes.length)
    const known = this.instructions.map(each =>
      isLen(each)
        ? { ...each, code: each.code === codes.LD_LEN ? codes.LD_IMM : codes.LDX_IMM, k: length }
        : each,
    )
    return new BpfProgram(known).run(bytes, 0, bytes.length)
  }

  /**
   * Runs over the frame at `at`, and returns how many bytes of it to keep. It is 0 if the filter
   * does not match, at a load from outside the frame, and at a division by zero.
   */
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: one switch is a fast jump table.
  // biome-ignore lint/complexity/noExcessiveLinesPerFunction: the switch has a case for each code.
  run(bytes: Uint8Array, at: number, length: number): number {
    // Registers are int32, because V8 allocates for a larger number before it optimizes. The cases
    // are literals, because V8 makes a table of jumps of nothing else: with the names of
    // bpf-codes.ts, a filter takes three times as long.
    const words = this.#words
    const scratch = this.#scratch
    let a = 0
    let x = 0
    let pc = 0
    for (;;) {
      const k = words[pc + 1]
      switch (words[pc]) {
        case 0x00: // LD_IMM
          a = k
          break
        case 0x20: // LD_W_ABS
          if (k < 0 || k > length - 4) return 0
          a = get32(bytes, at + k) | 0
          break
        case 0x28: // LD_H_ABS
          if (k < 0 || k > length - 2) return 0
          a = get16(bytes, at + k)
          break
        case 0x30: // LD_B_ABS
          if (k < 0 || k >= length) return 0
          a = bytes[at + k]
          break
        case 0x40: // LD_W_IND
          if (isOutside(x, k, length - 4)) return 0
          a = get32(bytes, at + x + k) | 0
          break
        case 0x48: // LD_H_IND
          if (isOutside(x, k, length - 2)) return 0
          a = get16(bytes, at + x + k)
          break
        case 0x50: // LD_B_IND
          if (isOutside(x, k, length - 1)) return 0
          a = bytes[at + x + k]
          break
        case 0x60: // LD_MEM
          a = scratch[k]
          break
        case 0x80: // LD_LEN
          a = length
          break
        case 0x01: // LDX_IMM
          x = k
          break
        case 0x61: // LDX_MEM
          x = scratch[k]
          break
        case 0x81: // LDX_LEN
          x = length
          break
        case 0xb1: // LDX_B_MSH
          if (k < 0 || k >= length) return 0
          x = (bytes[at + k] & 0x0f) << 2
          break
        case 0x02: // ST
          scratch[k] = a
          break
        case 0x03: // STX
          scratch[k] = x
          break
        case 0x04: // ADD_K
          a = (a + k) | 0
          break
        case 0x0c: // ADD_X
          a = (a + x) | 0
          break
        case 0x14: // SUB_K
          a = (a - k) | 0
          break
        case 0x1c: // SUB_X
          a = (a - x) | 0
          break
        case 0x24: // MUL_K
          a = Math.imul(a, k)
          break
        case 0x2c: // MUL_X
          a = Math.imul(a, x)
          break
        case 0x34: // DIV_K
          a = ((a >>> 0) / (k >>> 0)) | 0
          break
        case 0x3c: // DIV_X
          if (x === 0) return 0
          a = ((a >>> 0) / (x >>> 0)) | 0
          break
        case 0x94: // MOD_K
          a = ((a >>> 0) % (k >>> 0)) | 0
          break
        case 0x9c: // MOD_X
          if (x === 0) return 0
          a = ((a >>> 0) % (x >>> 0)) | 0
          break
        case 0x44: // OR_K
          a |= k
          break
        case 0x4c: // OR_X
          a |= x
          break
        case 0x54: // AND_K
          a &= k
          break
        case 0x5c: // AND_X
          a &= x
          break
        case 0xa4: // XOR_K
          a ^= k
          break
        case 0xac: // XOR_X
          a ^= x
          break
        case 0x64: // LSH_K
          a <<= k
          break
        case 0x6c: // LSH_X: libpcap shifts everything out, the kernel takes x modulo 32
          a = x >>> 0 < 32 ? a << x : 0
          break
        case 0x74: // RSH_K
          a = (a >>> k) | 0
          break
        case 0x7c: // RSH_X
          a = x >>> 0 < 32 ? (a >>> x) | 0 : 0
          break
        case 0x84: // NEG
          a = (0 - a) | 0
          break
        case 0x05: // JA
          pc = words[pc + 2]
          continue
        case 0x15: // JEQ_K
          pc = words[pc + (a === k ? 2 : 3)]
          continue
        case 0x1d: // JEQ_X
          pc = words[pc + (a === x ? 2 : 3)]
          continue
        case 0x25: // JGT_K
          pc = words[pc + (a >>> 0 > k >>> 0 ? 2 : 3)]
          continue
        case 0x2d: // JGT_X
          pc = words[pc + (a >>> 0 > x >>> 0 ? 2 : 3)]
          continue
        case 0x35: // JGE_K
          pc = words[pc + (a >>> 0 >= k >>> 0 ? 2 : 3)]
          continue
        case 0x3d: // JGE_X
          pc = words[pc + (a >>> 0 >= x >>> 0 ? 2 : 3)]
          continue
        case 0x45: // JSET_K
          pc = words[pc + ((a & k) !== 0 ? 2 : 3)]
          continue
        case 0x4d: // JSET_X
          pc = words[pc + ((a & x) !== 0 ? 2 : 3)]
          continue
        case 0x06: // RET_K
          return k >>> 0
        case 0x16: // RET_A
          return a >>> 0
        case 0x07: // TAX
          x = a
          break
        case 0x87: // TXA
          a = x
          break
      }
      pc += STRIDE
    }
  }
}

/** Whether x + k, as unsigned numbers that do not wrap, exceeds `last`, which is less than 2^31. */
function isOutside(x: number, k: number, last: number): boolean {
  return x < 0 || k < 0 || x > last || k > last - x
}

/** Returns whether the filter matches the Ethernet frame of `length` bytes at `at`. */
export interface PacketFilter {
  (bytes: Uint8Array, at: number, length: number): boolean
  readonly text: string
}

export interface CompiledFilter extends PacketFilter {
  readonly program: BpfProgram
}

/** Returns a filter that matches the frames for which `program` does not return 0. */
export function packetFilter(text: string, program: BpfProgram): CompiledFilter {
  const matches = (bytes: Uint8Array, at: number, length: number) =>
    program.run(bytes, at, length) !== 0
  return Object.assign(matches, { text, program })
}
