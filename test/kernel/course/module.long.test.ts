/**
 * One module in a virtual machine, by qemu-system-x86_64; `npm run test:kernel-module` tests all of
 * them, and their mistakes.
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { COURSE } from '../../../src/course/folder.ts'
import { checkModule } from '../../support/kernel-module.ts'

test("the solution of 01-drop in C passes its live checks in Debian's kernel", async () => {
  const { status, results } = await checkModule('01-drop', join(COURSE, '01-drop/kernel/solution.c'))
  expect(results.map(({ result, seen }) => seen ?? result)).toEqual(['passed', 'passed'])
  expect(status).toBe(0)
})
