/** The files and filters that a wire refers to. */
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

/** Parses a file. Errors name the file; `needs` is put before the error of an unreadable one. */
export function fromFile<T>(path: string, resources: WireResources, parse: (text: string) => T, needs = ''): T {
  const asked = (prefix: string, error: unknown) =>
    error instanceof UsageError ? new UsageError(prefix + error.message, { cause: error.cause }) : error
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
