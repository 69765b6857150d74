import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('02-mirror')
