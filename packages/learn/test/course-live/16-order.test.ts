import { testInMemory } from '#support/course.ts'

await testInMemory('16-order')
