/** Directories of tests, which are removed at their end, whether the tests pass or not. */
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, onTestFinished } from 'vitest'

const make = () => mkdtempSync(join(tmpdir(), 'vnet-test-'))
const remove = (path: string) => rmSync(path, { recursive: true, force: true })

/** Returns the path of a new directory, which exists until the end of the file's tests. */
export function fileDirectory(): string {
  const path = make()
  // Without a limit: a clone has ten thousands of files, and the disk may be busy.
  afterAll(() => remove(path), 0)
  return path
}

/** Returns the path of a new directory, which exists until the end of the test that calls it. */
export function testDirectory(): string {
  const path = make()
  onTestFinished(() => remove(path))
  return path
}

/**
 * Returns the path of a directory that each test of the file finds empty. It is made before each
 * test and removed after it. Hooks that the file adds later run while it exists.
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
  afterEach(() => remove(path))
  return path
}

/** Writes a file in the directory, and returns its path. */
export function written(directory: string, name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}
