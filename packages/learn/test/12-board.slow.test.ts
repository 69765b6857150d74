import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('12-board')
