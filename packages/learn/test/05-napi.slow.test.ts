import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('05-napi')
