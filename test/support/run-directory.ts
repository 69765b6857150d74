/**
 * The directory in which the labs of a test process are found. Each process has its own, since the
 * commands of other tests would list them. vitest loads this file before each test file.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const path = mkdtempSync(join(tmpdir(), 'vnet-test-'))
process.env.XDG_RUNTIME_DIR = path
process.on('exit', () => rmSync(path, { recursive: true, force: true }))
