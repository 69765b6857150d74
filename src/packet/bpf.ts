/**
 * Classic BPF, the machine of packet filters: an accumulator A, an index register X and 16 words of
 * scratch memory, all of 32 bits, unsigned. A program is checked once, by the rules of the kernel's
 * bpf_check_classic (net/core/filter.c); it can then neither loop nor read outside a frame. It must
 * not load ancillary data, which only the kernel has. Results equal those from libpcap's
 * bpf_filter. Codes: include/uapi/linux/bpf_common.h.
 */
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
const CLASS_MASK = 0x07
const CLASS_JMP = 0x05
const CLASS_RET = 0x06
const BPF_JA = 0x05

const LOADS = [0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1]
const STORES = [0x02, 0x03]
const OTHERS = [0x84, BPF_JA, 0x06, 0x16, 0x07, 0x87]
const ALU = [0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x94, 0xa4].flatMap(code => [code, code | 0x08])
const JUMPS = [0x15, 0x25, 0x35, 0x45].flatMap(code => [code, code | 0x08])
const CODES: ReadonlySet<number> = new Set([...LOADS, ...STORES, ...ALU, ...JUMPS, ...OTHERS])

/** Throws RangeError, with the number of the instruction, unless the program may run. */
function checkProgram(instructions: readonly BpfInstruction[]): void {
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
      const targets = code === BPF_JA ? [next + k, 0] : [next + jt, next + jf]
      this.#words.set([code, k, ...targets.map(target => target * STRIDE)], i * STRIDE)
    })
  }

  /** Like run, for `bytes` at the start of a frame of `length` bytes, which is `len`. */
  runCutOff(bytes: Uint8Array, length: number): number {
    // `len` becomes a constant: another length in `run` would slow down all programs.
    const isLen = ({ code }: BpfInstruction) => code === 0x80 || code === 0x81
    if (!this.instructions.some(isLen)) return this.run(bytes, 0, bytes.length)
    const known = this.instructions.map(each => (isLen(each) ? { ...each, code: each.code & 0x7f, k: length } : each))
    return new BpfProgram(known).run(bytes, 0, bytes.length)
  }

  /**
   * Runs over the frame at `at`, and returns how many bytes of it to keep. It is 0 if the filter
   * does not match, at a load from outside the frame, and at a division by zero.
   */
  run(bytes: Uint8Array, at: number, length: number): number {
    // Registers are int32, because V8 allocates for a larger number before it optimizes.
    const words = this.#words
    const scratch = this.#scratch
    let a = 0
    let x = 0
    let pc = 0
    for (;;) {
      const k = words[pc + 1]
      switch (words[pc]) {
        case 0x00: // ld #k
          a = k
          break
        case 0x20: // ld [k]
          if (k < 0 || k > length - 4) return 0
          a = get32(bytes, at + k) | 0
          break
        case 0x28: // ldh [k]
          if (k < 0 || k > length - 2) return 0
          a = get16(bytes, at + k)
          break
        case 0x30: // ldb [k]
          if (k < 0 || k >= length) return 0
          a = bytes[at + k]
          break
        case 0x40: // ld [x + k]
          if (isOutside(x, k, length - 4)) return 0
          a = get32(bytes, at + x + k) | 0
          break
        case 0x48: // ldh [x + k]
          if (isOutside(x, k, length - 2)) return 0
          a = get16(bytes, at + x + k)
          break
        case 0x50: // ldb [x + k]
          if (isOutside(x, k, length - 1)) return 0
          a = bytes[at + x + k]
          break
        case 0x60: // ld M[k]
          a = scratch[k]
          break
        case 0x80: // ld len
          a = length
          break
        case 0x01: // ldx #k
          x = k
          break
        case 0x61: // ldx M[k]
          x = scratch[k]
          break
        case 0x81: // ldx len
          x = length
          break
        case 0xb1: // ldxb 4*([k]&0xf)
          if (k < 0 || k >= length) return 0
          x = (bytes[at + k] & 0x0f) << 2
          break
        case 0x02: // st M[k]
          scratch[k] = a
          break
        case 0x03: // stx M[k]
          scratch[k] = x
          break
        case 0x04: // add #k
          a = (a + k) | 0
          break
        case 0x0c: // add x
          a = (a + x) | 0
          break
        case 0x14: // sub #k
          a = (a - k) | 0
          break
        case 0x1c: // sub x
          a = (a - x) | 0
          break
        case 0x24: // mul #k
          a = Math.imul(a, k)
          break
        case 0x2c: // mul x
          a = Math.imul(a, x)
          break
        case 0x34: // div #k
          a = ((a >>> 0) / (k >>> 0)) | 0
          break
        case 0x3c: // div x
          if (x === 0) return 0
          a = ((a >>> 0) / (x >>> 0)) | 0
          break
        case 0x94: // mod #k
          a = ((a >>> 0) % (k >>> 0)) | 0
          break
        case 0x9c: // mod x
          if (x === 0) return 0
          a = ((a >>> 0) % (x >>> 0)) | 0
          break
        case 0x44: // or #k
          a |= k
          break
        case 0x4c: // or x
          a |= x
          break
        case 0x54: // and #k
          a &= k
          break
        case 0x5c: // and x
          a &= x
          break
        case 0xa4: // xor #k
          a ^= k
          break
        case 0xac: // xor x
          a ^= x
          break
        case 0x64: // lsh #k
          a <<= k
          break
        case 0x6c: // lsh x: libpcap shifts everything out, the kernel takes x modulo 32
          a = x >>> 0 < 32 ? a << x : 0
          break
        case 0x74: // rsh #k
          a = (a >>> k) | 0
          break
        case 0x7c: // rsh x
          a = x >>> 0 < 32 ? (a >>> x) | 0 : 0
          break
        case 0x84: // neg
          a = (0 - a) | 0
          break
        case 0x05: // ja
          pc = words[pc + 2]
          continue
        case 0x15: // jeq #k
          pc = words[pc + (a === k ? 2 : 3)]
          continue
        case 0x1d: // jeq x
          pc = words[pc + (a === x ? 2 : 3)]
          continue
        case 0x25: // jgt #k
          pc = words[pc + (a >>> 0 > k >>> 0 ? 2 : 3)]
          continue
        case 0x2d: // jgt x
          pc = words[pc + (a >>> 0 > x >>> 0 ? 2 : 3)]
          continue
        case 0x35: // jge #k
          pc = words[pc + (a >>> 0 >= k >>> 0 ? 2 : 3)]
          continue
        case 0x3d: // jge x
          pc = words[pc + (a >>> 0 >= x >>> 0 ? 2 : 3)]
          continue
        case 0x45: // jset #k
          pc = words[pc + ((a & k) !== 0 ? 2 : 3)]
          continue
        case 0x4d: // jset x
          pc = words[pc + ((a & x) !== 0 ? 2 : 3)]
          continue
        case 0x06: // ret #k
          return k >>> 0
        case 0x16: // ret a
          return a >>> 0
        case 0x07: // tax
          x = a
          break
        case 0x87: // txa
          a = x
          break
      }
      pc += STRIDE
    }
  }
}

/** Whether x + k, as unsigned numbers that do not wrap, exceeds `last`, which is less than 2^31. */
const isOutside = (x: number, k: number, last: number): boolean => x < 0 || k < 0 || x > last || k > last - x

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
  const matches = (bytes: Uint8Array, at: number, length: number) => program.run(bytes, at, length) !== 0
  return Object.assign(matches, { text, program })
}
