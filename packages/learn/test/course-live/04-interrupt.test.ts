import { testInMemory } from '#support/course.ts'

await testInMemory('04-interrupt')
