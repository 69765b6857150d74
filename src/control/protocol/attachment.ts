/**
 * Files and filters on their way to a vnet. The client reads and compiles with its own rights; the
 * vnet finds them in the request alone, and checks a program by the kernel's rules.
 */
import { UsageError } from '../../base/usage-error.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import { getU16, getU32, putU16, putU32 } from '../../netlink/index.ts'
import { type BpfInstruction, BpfProgram, type CompiledFilter, packetFilter } from '../../packet/bpf.ts'

/** struct sock_filter { u16 code; u8 jt; u8 jf; u32 k } */
const INSTRUCTION_LEN = 8

/** A file or a filter by its text. */
export interface WireAttachment {
  readonly file?: string
  readonly filter?: string
  /** The text of the file, or the program of the filter. */
  readonly bytes: Uint8Array
}

/** Resources with filters that have a program. */
export interface CompilingResources extends WireResources {
  filter(text: string): CompiledFilter
}

/** Returns `resources` that also call `attach` with each file and filter that they return. */
export function recording(resources: CompilingResources, attach: (attachment: WireAttachment) => void): WireResources {
  return {
    filter(text) {
      const filter = resources.filter(text)
      attach(encodeFilter(text, filter))
      return filter
    },
    file(path) {
      const text = resources.file(path)
      attach({ file: path, bytes: new TextEncoder().encode(text) })
      return text
    },
    stage: resources.stage,
  }
}

/** Returns the attachments as resources, which throw a UsageError for anything else. */
export function attached(attachments: readonly WireAttachment[]): CompilingResources {
  return {
    filter(text) {
      const found = attachments.find(({ filter }) => filter === text)
      if (found === undefined) throw new UsageError(`the filter '${text}' is not attached`)
      return decodeFilter(text, found.bytes)
    },
    file(path) {
      const found = attachments.find(({ file }) => file === path)
      if (found === undefined) throw new UsageError(`the file ${path} is not attached`)
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(found.bytes)
    },
  }
}

export function encodeFilter(text: string, filter: CompiledFilter): WireAttachment {
  return { filter: text, bytes: encodeProgram(filter) }
}

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
