/** Reads a lab file, and checks it without running anything. */
import { readFileSync } from 'node:fs'
import { ConfigFile } from '../../../base/config-file.ts'
import { EINVAL, VnetError } from '../../../base/errno.ts'
import { FileError, UsageError } from '../../../base/usage-error.ts'
import { filtersIn } from '../filters.ts'
import { checkTopology, type Topology } from '../topology.ts'
import { directionsOf, type WireSpec } from '../wire-spec.ts'
import { type LabFile, labSchema } from './schema.ts'

/** A checked lab file. */
export interface Read {
  readonly file: LabFile
  readonly topology: Topology
}

/** Reads the file at `path`. Throws a VnetError if that fails, a FileError if it is invalid. */
export function readLabFile(path: string): Read {
  return parseLabFile(read(path), path)
}

/** Parses the text of the file `name`. Throws a FileError with a line for each mistake. */
export function parseLabFile(text: string, name: string): Read {
  const problems = new ConfigFile(name)
  const file = problems.read(text, labSchema) as LabFile | undefined
  if (file === undefined) throw new FileError(`${name}: it is empty: a lab needs namespaces`)
  const { namespaces, routers = {}, cables = {}, lans = {} } = file
  const topology = { namespaces, routers, cables, lans }
  checkTopology(topology, (path, error) => problems.add(path, firstLine(error)))
  for (const [kind, entries] of Object.entries({ routers, cables, lans })) {
    for (const [key, entry] of Object.entries(entries as Record<string, { readonly wire?: WireSpec }>)) {
      checkWire(entry.wire ?? '', `${kind}.${key}.wire`, problems)
    }
  }
  problems.throwIfAny()
  return { file, topology }
}

function checkWire(wire: WireSpec, path: string, problems: ConfigFile): void {
  for (const [direction, text] of Object.entries(directionsOf(wire))) {
    try {
      filtersIn({ [direction]: text })
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      // A text for both directions is reported at itself.
      problems.add(typeof wire === 'string' ? path : `${path}.${direction}`, firstLine(error))
    }
  }
}

/** The lines after the first one show the place in the text of a wire. */
function firstLine({ message }: UsageError): string {
  return message.split('\n')[0] as string
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new VnetError((error as NodeJS.ErrnoException).errno ?? EINVAL, `open ${path}`, undefined, { cause: error })
  }
}
