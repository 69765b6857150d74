import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('09-offloads')
