import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('10-switch')
