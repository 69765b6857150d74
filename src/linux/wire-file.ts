/** The files that the words of a wire name, such as traces. */
import { readFileSync } from 'node:fs'
import { UsageError } from '../netdev/driver.ts'

/** Bytes of a file; the longest trace is far shorter. */
const FILE_MAX = 64 * 1024 * 1024

/** Returns the text of a file. Throws a UsageError if it cannot be read or is too long. */
export function readWireFile(path: string): string {
  return asUsageError(path, () => {
    const bytes = readFileSync(path)
    if (bytes.length > FILE_MAX) throw new UsageError(`${path}: longer than ${FILE_MAX / 1024 ** 2} MiB`)
    return bytes.toString('utf8')
  })
}

/** Rethrows an error of the file system as a UsageError. */
export function asUsageError<T>(path: string, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : error}`)
  }
}
