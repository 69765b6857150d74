import { testInMemory } from '#support/course.ts'

await testInMemory('22-registers')
