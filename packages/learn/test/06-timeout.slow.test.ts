import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('06-timeout')
