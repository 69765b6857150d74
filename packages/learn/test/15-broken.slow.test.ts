import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('15-broken')
