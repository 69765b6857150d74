/** The skeletons of modules for QEMU's card compile, load, and pass nothing. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { COURSE } from '../../src/folder.ts'
import { checkModule, LIMIT_MS } from '../support/kernel-module.ts'

test.each(['23-tx-ring', '24-rx-ring'])(
  'the skeleton of %s compiles without a message, and no frame of it returns',
  { timeout: LIMIT_MS },
  async exercise => {
    const file = join(COURSE, exercise, 'kernel/skeleton.c')
    const { status, results, errors } = await checkModule(exercise, file)
    expect([status, errors]).toEqual([1, ''])
    expect(results[0]?.seen).toMatch(/frames transmitted, 0 received$/)
    expect(results.map(({ result }) => result)).toEqual(['failed'])
  },
)
