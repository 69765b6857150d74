import { testInMemory } from '#support/course.ts'

await testInMemory('14-to-the-kernel')
