import { testInMemory } from '#support/course.ts'

await testInMemory('13-two-cpus')
