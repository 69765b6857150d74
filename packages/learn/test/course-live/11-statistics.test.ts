import { testInMemory } from '#support/course.ts'

await testInMemory('11-statistics')
