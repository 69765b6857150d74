import { testInMemory } from '#support/course.ts'

await testInMemory('24-rx-ring')
