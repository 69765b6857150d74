import { testInMemory } from '#support/course.ts'

await testInMemory('05-napi')
