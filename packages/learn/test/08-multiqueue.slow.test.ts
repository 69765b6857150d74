import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('08-multiqueue')
