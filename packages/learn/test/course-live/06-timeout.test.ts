import { testInMemory } from '#support/course.ts'

await testInMemory('06-timeout')
