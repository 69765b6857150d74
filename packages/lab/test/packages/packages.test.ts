/** All packages of cases/, with the versions of package-lock.json. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { NAMES, testPackages } from '../support/package-cases.ts'

const directory = testPackages(NAMES)

const PROGRAM = fileURLToPath(new URL('../support/repeated-case.mjs', import.meta.url))

test.each(['socket.io', 'mqtt', 'grpc-js'])(
  '%s sends the same bytes in 20 runs with one seed',
  name => {
    const args = [PROGRAM, join(directory, 'cases', `${name}.mjs`), '7']
    const digests = Array.from({ length: 20 }, () =>
      execFileSync(process.execPath, args, { encoding: 'utf8' }),
    )
    expect(digests).toEqual(Array(20).fill(expect.stringMatching(/^[\da-f]{64}\n$/)))
    expect(new Set(digests).size).toBe(1)
  },
)
