import { testInMemory } from '#support/course.ts'

await testInMemory('12-board')
