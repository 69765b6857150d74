import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('13-two-cpus')
