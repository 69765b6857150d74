/**
 * The attachments of SET_WIRE: files and filters that the text of a wire refers to. The client
 * reads files and compiles filters with its own rights; the vnet finds them in the request and
 * nowhere else.
 */

import { UsageError } from '../../base/usage-error.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import type { CompiledFilter } from '../../packet/filter.ts'
import { decodeFilter, encodeProgram } from './filter-program.ts'

/** A file or a filter by its text. */
export interface WireAttachment {
  readonly file?: string
  readonly filter?: string
  /** The text of the file, or the program: an array of struct sock_filter in host byte order. */
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
      attach({ file: path, bytes: Buffer.from(text) })
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
      return Buffer.from(found.bytes).toString('utf8')
    },
  }
}

/** Returns a filter as an attachment. */
export function encodeFilter(text: string, filter: CompiledFilter): WireAttachment {
  return { filter: text, bytes: encodeProgram(filter) }
}
