import { testInMemory } from '#support/course.ts'

await testInMemory('03-ring')
