/** A directory that each test of a file finds empty. */
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'

/**
 * Returns the path of a directory, one for the file. It is made before each test and removed after
 * it, whether the test passes or not. Hooks that the file adds later run while it exists.
 *
 * A process loads a module at this path only once, so tests that load what they write need another.
 */
export function freshDirectory(mode = 0o700): string {
  const path = join(tmpdir(), `vnet-test-${randomUUID()}`)
  beforeEach(() => {
    mkdirSync(path, { mode: 0o700 })
    // mkdir(2) would apply the umask.
    chmodSync(path, mode)
  })
  afterEach(() => rmSync(path, { recursive: true, force: true }))
  return path
}
