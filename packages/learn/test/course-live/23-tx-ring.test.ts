import { testInMemory } from '#support/course.ts'

await testInMemory('23-tx-ring')
