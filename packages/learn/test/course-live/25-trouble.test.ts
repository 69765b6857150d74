import { testInMemory } from '#support/course.ts'

await testInMemory('25-trouble')
