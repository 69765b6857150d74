/**
 * Labs of each test in a directory of temporary files of its own. In a shared one, labs of other
 * tests remove the leftovers of killed labs, too, and at any moment.
 */
import { afterEach, beforeEach } from 'vitest'

/** Has this process and its children use `directory` for temporary files during each test. */
export function useTmpdir(directory: string): void {
  const before = process.env.TMPDIR
  beforeEach(() => {
    process.env.TMPDIR = directory
  })
  afterEach(() => {
    if (before === undefined) {
      delete process.env.TMPDIR
    } else {
      process.env.TMPDIR = before
    }
  })
}
