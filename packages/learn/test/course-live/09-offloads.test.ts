import { testInMemory } from '#support/course.ts'

await testInMemory('09-offloads')
