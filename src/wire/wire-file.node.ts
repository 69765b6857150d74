/** The files that the text of a wire names, such as traces. */
import { closeSync, openSync, readSync } from 'node:fs'
import { asUsageError, UsageError } from '../base/usage-error.ts'

/** Bytes of a file; the longest trace is far shorter. */
const FILE_MAX = 64 * 1024 * 1024
const CHUNK = 64 * 1024

/** Returns the text of a file. Throws a UsageError if it cannot be read or is too long. */
export function readWireFile(path: string): string {
  return asUsageError(path, () => {
    const text = readUpTo(path, FILE_MAX)
    if (text === undefined) throw new UsageError(`${path}: longer than ${FILE_MAX / 1024 ** 2} MiB`)
    return text
  })
}

/**
 * Returns the text of a file, which may be a device or a pipe that does not end; undefined if it
 * has more than `most` bytes. Throws the errors of node:fs.
 */
export function readUpTo(path: string, most: number): string | undefined {
  const fd = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(CHUNK)
    const chunks: Buffer[] = []
    for (let length = 0; length <= most; ) {
      const read = readSync(fd, chunk)
      if (read === 0) return Buffer.concat(chunks).toString('utf8')
      // A pipe may return a few bytes at a time, which must not hold a whole chunk each.
      chunks.push(Buffer.from(chunk.subarray(0, read)))
      length += read
    }
    return undefined
  } finally {
    closeSync(fd)
  }
}
