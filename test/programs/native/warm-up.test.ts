/** The warm-up lets V8 compile the path of a frame: checked in the built program. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../../support/warm-up-program.mjs', import.meta.url))
/** V8 then compiles where it would only order it, so that nothing is still being compiled. */
const FLAGS = ['--allow-natives-syntax', '--no-concurrent-recompilation']

test('V8 has optimized the functions that carry every frame after the warm-up, and none before', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, PROGRAM])
  const { before, after } = JSON.parse(stdout)
  expect(before).toEqual([])
  expect(after).toEqual(['flush', 'listener'])
})
