import { testInMemory } from '#support/course.ts'

await testInMemory('08-multiqueue')
