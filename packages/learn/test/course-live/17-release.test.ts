import { testInMemory } from '#support/course.ts'

await testInMemory('17-release')
