import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkInMemory, exerciseOf, testInMemory } from '#support/course.ts'
import { COURSE } from '../src/folder.ts'

await testInMemory('01-drop')

test("a failure has the driver's line that leaked frames", async () => {
  const results = await checkInMemory(await exerciseOf('01-drop'), join(COURSE, '01-drop/drop.js'))
  expect(results.at(-1)?.logged).toEqual([
    expect.stringMatching(/: leak: 3 frames .*\/01-drop\/drop\.js:\d+;/),
  ])
})
