/**
 * Filters on their way to a vnet. The client compiles the text with its own rights; the vnet checks
 * the program by the kernel's rules and compiles nothing.
 */
import { UsageError } from '../../base/usage-error.ts'
import { getU16, getU32, putU16, putU32 } from '../../netlink/index.ts'
import { BpfProgram } from '../../packet/bpf.ts'
import type { BpfInstruction } from '../../packet/bpf-check.ts'
import { type CompiledFilter, packetFilter } from '../../packet/filter.ts'

/** struct sock_filter { u16 code; u8 jt; u8 jf; u32 k } */
const INSTRUCTION_LEN = 8

/** Returns the program of a filter: an array of struct sock_filter in host byte order. */
export function encodeProgram({ program: { instructions } }: CompiledFilter): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_LEN)
  for (const [i, { code, jt, jf, k }] of instructions.entries()) {
    const at = i * INSTRUCTION_LEN
    putU16(bytes, at, code)
    bytes[at + 2] = jt
    bytes[at + 3] = jf
    putU32(bytes, at + 4, k)
  }
  return bytes
}

/** Returns the filter for the program `bytes`. Throws a UsageError if the program is invalid. */
export function decodeFilter(text: string, bytes: Uint8Array): CompiledFilter {
  try {
    return packetFilter(text, new BpfProgram(decodeProgram(bytes)))
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`the program of the filter '${text}': ${error.message}`) : error
  }
}

/** Throws RangeError if the length is wrong; does not check the instructions. */
function decodeProgram(bytes: Uint8Array): BpfInstruction[] {
  if (bytes.length % INSTRUCTION_LEN !== 0) throw new RangeError(`${bytes.length} bytes are no whole instructions`)
  return Array.from({ length: bytes.length / INSTRUCTION_LEN }, (_, i) => {
    const at = i * INSTRUCTION_LEN
    return { code: getU16(bytes, at), jt: bytes[at + 2], jf: bytes[at + 3], k: getU32(bytes, at + 4) }
  })
}
