/** Helpers that the files of a virtual machine share. */
import { Buffer } from 'node:buffer'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { relative } from 'node:path'
import { attempt } from 'vnet'

/** Thrown if a virtual machine cannot start here: one line that says what to do. */
export class GuestSetupError extends Error {
  override readonly name = 'GuestSetupError'
}

/** Whether an absolute path is a directory or in it. */
export const isBelow = (path: string, directory: string): boolean =>
  !/^\.\.(\/|$)/.test(relative(directory, path))

/** Returns the first bytes of a file, or the last, as text; '' if it cannot be read. */
export function partOf(path: string, length: number, isEnd = false): string {
  const fd = attempt(() => openSync(path, 'r'))
  if (fd === undefined) return ''
  try {
    const bytes = Buffer.alloc(length)
    const at = isEnd ? Math.max(0, fstatSync(fd).size - length) : 0
    return bytes.toString('latin1', 0, attempt(() => readSync(fd, bytes, 0, length, at)) ?? 0)
  } finally {
    closeSync(fd)
  }
}
