import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('11-statistics')
