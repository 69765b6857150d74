import { testInMemory } from '#support/course.ts'

await testInMemory('15-broken')
