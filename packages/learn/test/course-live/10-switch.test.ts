import { testInMemory } from '#support/course.ts'

await testInMemory('10-switch')
