/**
 * The attachments of SET_WIRE: what the words of a wire refer to. The client reads files and
 * compiles filters with its own rights; the vnet finds them in the request and nowhere else.
 */
import type { WireResources } from '../../netdev/device-wire.ts'
import { UsageError } from '../../netdev/driver.ts'
import { getU16, getU32, putU16, putU32 } from '../../netlink/index.ts'
import { BpfProgram } from '../../packet/bpf.ts'
import type { BpfInstruction } from '../../packet/bpf-check.ts'
import { type CompiledFilter, packetFilter } from '../../packet/filter.ts'

/** A file or a filter by its words. */
export interface WireAttachment {
  readonly file?: string
  readonly filter?: string
  /** The text of the file, or the program: an array of struct sock_filter in host byte order. */
  readonly bytes: Uint8Array
}

/** struct sock_filter { u16 code; u8 jt; u8 jf; u32 k } */
const INSTRUCTION_LEN = 8

interface Compiling extends WireResources {
  filter(text: string): CompiledFilter
}

/** Returns `resources` that also call `attach` with each file and filter that they return. */
export function recording(resources: Compiling, attach: (attachment: WireAttachment) => void): WireResources {
  return {
    filter(text) {
      const filter = resources.filter(text)
      attach({ filter: text, bytes: encodeProgram(filter.program.instructions) })
      return filter
    },
    file(path) {
      const text = resources.file(path)
      attach({ file: path, bytes: Buffer.from(text) })
      return text
    },
  }
}

/** Returns the attachments as resources, which throw a UsageError for anything else. */
export function attached(attachments: readonly WireAttachment[]): Compiling {
  return {
    filter(text) {
      const found = attachments.find(({ filter }) => filter === text)
      if (found === undefined) throw new UsageError(`the filter '${text}' is not attached`)
      return packetFilter(text, programOf(text, found.bytes))
    },
    file(path) {
      const found = attachments.find(({ file }) => file === path)
      if (found === undefined) throw new UsageError(`the file ${path} is not attached`)
      return Buffer.from(found.bytes).toString('utf8')
    },
  }
}

function programOf(text: string, bytes: Uint8Array): BpfProgram {
  try {
    return new BpfProgram(decodeProgram(bytes))
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`the program of the filter '${text}': ${error.message}`) : error
  }
}

function encodeProgram(instructions: readonly BpfInstruction[]): Uint8Array {
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

/** Throws RangeError if the length is wrong; what the instructions are is not checked. */
function decodeProgram(bytes: Uint8Array): BpfInstruction[] {
  if (bytes.length % INSTRUCTION_LEN !== 0) throw new RangeError(`${bytes.length} bytes are no whole instructions`)
  return Array.from({ length: bytes.length / INSTRUCTION_LEN }, (_, i) => {
    const at = i * INSTRUCTION_LEN
    return { code: getU16(bytes, at), jt: bytes[at + 2], jf: bytes[at + 3], k: getU32(bytes, at + 4) }
  })
}
