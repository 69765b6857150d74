/** The files and filters that the words of a wire refer to. */
import { UsageError } from '../../base/usage-error.ts'
import type { WireResources } from '../../netdev/device-wire.ts'

/** There are neither filters nor files. */
export const noResources: WireResources = {
  filter: text => {
    throw new UsageError(`filter '${text}': filters cannot be compiled here`)
  },
  file: path => {
    throw new UsageError(`${path}: files cannot be read here`)
  },
}

/** Parses a file; an error names the file. If it cannot be read, the error begins with `needs`. */
export function fromFile<T>(path: string, resources: WireResources, parse: (text: string) => T, needs = ''): T {
  const asked = (prefix: string, error: unknown) =>
    error instanceof UsageError ? new UsageError(prefix + error.message) : error
  let text: string
  try {
    text = resources.file(path)
  } catch (error) {
    throw asked(needs, error)
  }
  try {
    return parse(text)
  } catch (error) {
    throw asked(`${path}: `, error)
  }
}
