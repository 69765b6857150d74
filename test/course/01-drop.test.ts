import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exercise } from '../../src/course/exercises/01-drop.ts'
import { COURSE } from '../../src/course/folder.ts'
import { checkInMemory, testInMemory } from '../support/course.ts'

await testInMemory(exercise)

test("a failure has the driver's line that leaked frames", async () => {
  const results = await checkInMemory(exercise, join(COURSE, '01-drop/driver.js'))
  expect(results.at(-1)?.logged).toEqual([expect.stringMatching(/: leak: 3 frames .*\/01-drop\/driver\.js:\d+;/)])
})
