/** SET_WIRE as a client makes it: checks the text, and collects the files and filters in it. */

import { UsageError } from '../../base/usage-error.ts'
import type { DeviceWire } from '../../netdev/device-wire.ts'
import { buildGroups, directed } from '../../wire/grammar/groups.ts'
import { readWireText } from '../../wire/parse.ts'
import { LinuxWireResources } from '../../wire/wire-resources.node.ts'
import {
  type CompilingResources,
  encodeFilter,
  recording,
  type WireAttachment,
} from './attachment.ts'
import { VNET_WIRE_ATTACHMENTS_MAX, VNET_WIRE_TEXT_MAX } from './family.ts'

/** Room in a message for the headers of an attachment. */
const OVERHEAD = 16

/** A change of the wires of a device, with everything that its text names. */
export interface WireChange {
  readonly direction?: DeviceWire['direction'] | undefined
  readonly text?: string | undefined
  /** The filter of an attachment. The stages then do not change. */
  readonly only?: string | undefined
  readonly attachments: readonly WireAttachment[]
}

/**
 * How wireChange() reads a wire's text. The files that it names are read with the rights of this
 * process, unless `resources` says otherwise.
 */
export interface WireChangeOptions {
  /** The direction that is changed; both by default. */
  readonly direction?: DeviceWire['direction'] | undefined
  /** Called with lines about what may be a mistake, once the whole text is read. */
  readonly note?: (line: string) => void
  /** By default clientResources(). */
  readonly resources?: CompilingResources
}

/** Returns the files that this process may read, and filters that its libpcap compiles once. */
export function clientResources(): CompilingResources {
  const linux = new LinuxWireResources()
  // The vnet has the stages, and checks the name.
  return {
    filter: text => linux.filter(text),
    file: path => linux.file(path),
    stage: () => (next: unknown) => next,
  }
}

/**
 * Reads the text of one direction, or of both, and collects the files and filters that it refers
 * to. Throws a UsageError if the text is wrong, or if they are too large for a message.
 */
export function wireChange(
  text: string | undefined,
  { direction, note, resources = clientResources() }: WireChangeOptions = {},
): WireChange {
  if (text === undefined) return { direction, text, attachments: [] }
  if (lengthOf(text) > VNET_WIRE_TEXT_MAX || text.includes('\0')) {
    throw new UsageError(
      `the text of a running wire has at most ${VNET_WIRE_TEXT_MAX} bytes, and no NUL`,
    )
  }
  const attachments: WireAttachment[] = []
  let size = 0
  const attach = (attachment: WireAttachment) => {
    const { file, filter, bytes } = attachment
    if (attachments.some(other => other.file === file && other.filter === filter)) return
    size += bytes.length + lengthOf(file ?? filter ?? '') + OVERHEAD
    if (size > VNET_WIRE_ATTACHMENTS_MAX) {
      const most = `a running wire takes at most ${VNET_WIRE_ATTACHMENTS_MAX} bytes of files and filters`
      throw new UsageError(
        `${file ?? `filter '${filter}'`}: ${most}; give it at the start, by --wire`,
      )
    }
    attachments.push(attachment)
  }
  const recorded = recording(resources, attach)
  const { groups, notes } = readWireText(text)
  for (const line of notes) {
    note?.(line)
  }
  for (const each of direction === undefined ? (['ab', 'ba'] as const) : [direction]) {
    buildGroups(directed(groups, each), recorded)
  }
  return { direction, text, attachments }
}

/** Compiles another filter of an attachment. Throws a UsageError. */
export function onlyChange(only: string, resources = clientResources()): WireChange {
  return { only, attachments: [encodeFilter(only, resources.filter(only))] }
}

/** Returns the bytes of a text in UTF-8. */
const lengthOf = (text: string): number => new TextEncoder().encode(text).length
