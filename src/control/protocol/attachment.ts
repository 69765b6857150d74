/**
 * Files and filters on their way to a vnet. The client reads the files and compiles the filters,
 * with its own rights. The vnet takes them from the request alone: it never opens a file that a
 * request names, and it checks each program by the kernel's rules before it runs it.
 */
import { UsageError } from '../../base/usage-error.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import { decodeProgram, encodeProgram } from '../../netlink/sock-filter.ts'
import { BpfProgram, type CompiledFilter, packetFilter } from '../../packet/bpf.ts'

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
export function recording(
  resources: CompilingResources,
  attach: (attachment: WireAttachment) => void,
): WireResources {
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

/**
 * Returns the attachments as resources, for a vnet that serves a request. They throw a UsageError
 * for a file or filter that is not attached; nothing is ever read from the file system.
 */
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

/** Returns the attachment of a filter: its text, and its program as bytes. */
export function encodeFilter(text: string, filter: CompiledFilter): WireAttachment {
  return { filter: text, bytes: encodeProgram(filter.program.instructions) }
}

/** Returns the filter for the program `bytes`. Throws a UsageError if the program is invalid. */
export function decodeFilter(text: string, bytes: Uint8Array): CompiledFilter {
  try {
    return packetFilter(text, new BpfProgram(decodeProgram(bytes)))
  } catch (error) {
    throw error instanceof RangeError
      ? new UsageError(`the program of the filter '${text}': ${error.message}`)
      : error
  }
}
