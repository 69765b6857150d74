/** The files that the text of a wire names, such as traces. */
import { closeSync, openSync, readSync } from 'node:fs'
import { UsageError } from '../base/usage-error.ts'

/** Bytes of a file; the longest trace is far shorter. */
const FILE_MAX = 64 * 1024 * 1024
const CHUNK = 64 * 1024

/** Returns the text of a file. Throws a UsageError if it cannot be read or is too long. */
export function readWireFile(path: string): string {
  return asUsageError(path, () => {
    const fd = openSync(path, 'r')
    try {
      return readText(path, fd)
    } finally {
      closeSync(fd)
    }
  })
}

/** A pipe or a device does not report its length: reading stops when it is too long. */
function readText(path: string, fd: number): string {
  const chunk = Buffer.alloc(CHUNK)
  const chunks: Buffer[] = []
  for (let length = 0; length <= FILE_MAX; ) {
    const read = readSync(fd, chunk)
    if (read === 0) return Buffer.concat(chunks).toString('utf8')
    // A pipe may return a few bytes at a time, which must not hold a whole chunk each.
    chunks.push(Buffer.from(chunk.subarray(0, read)))
    length += read
  }
  throw new UsageError(`${path}: longer than ${FILE_MAX / 1024 ** 2} MiB`)
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
