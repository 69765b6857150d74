import { testInMemory } from '#support/course.ts'

await testInMemory('18-silent')
