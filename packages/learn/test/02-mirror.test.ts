import { testInMemory } from '#support/course.ts'

await testInMemory('02-mirror')
