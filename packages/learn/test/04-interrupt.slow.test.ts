import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('04-interrupt')
