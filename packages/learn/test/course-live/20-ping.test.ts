import { testInMemory } from '#support/course.ts'

await testInMemory('20-ping')
