/**
 * Filter programs as bytes: arrays of struct sock_filter { u16 code; u8 jt; u8 jf; u32 k } in host
 * byte order (linux/filter.h). libpcap's struct bpf_insn has the same layout.
 */

import type { BpfInstruction } from '../packet/bpf.ts'
import { getU16, getU32, putU16, putU32 } from './host-order.ts'

export const INSTRUCTION_LEN = 8

/** Returns the program as an array of struct sock_filter, for the kernel, libpcap or a request. */
export function encodeProgram(instructions: readonly BpfInstruction[]): Uint8Array {
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

/** Throws RangeError if the length is wrong; does not check the instructions. */
export function decodeProgram(bytes: Uint8Array): BpfInstruction[] {
  if (bytes.length % INSTRUCTION_LEN !== 0) {
    throw new RangeError(`${bytes.length} bytes are no whole instructions`)
  }
  return Array.from({ length: bytes.length / INSTRUCTION_LEN }, (_, i) => {
    const at = i * INSTRUCTION_LEN
    return {
      code: getU16(bytes, at),
      jt: bytes[at + 2],
      jf: bytes[at + 3],
      k: getU32(bytes, at + 4),
    }
  })
}
