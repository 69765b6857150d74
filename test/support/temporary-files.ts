/**
 * vitest loads this file before each test file of the project unit. Temporary files of the test
 * file, and of the programs that it starts, are in a directory that is removed after it: a lab
 * whose test fails keeps its captures there, and many tests make one fail on purpose.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** The variable that os.tmpdir() reads first. */
const NAME = process.platform === 'win32' ? 'TEMP' : 'TMPDIR'

const before = process.env[NAME]
const directory = join(tmpdir(), `vnet-test-tmp-${process.pid}`)
mkdirSync(directory, { recursive: true })
process.env[NAME] = directory

afterAll(() => {
  // A process runs many test files.
  if (before === undefined) {
    delete process.env[NAME]
  } else {
    process.env[NAME] = before
  }
  rmSync(directory, { recursive: true, force: true })
})
