import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('14-to-the-kernel')
