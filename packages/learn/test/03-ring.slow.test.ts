import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('03-ring')
