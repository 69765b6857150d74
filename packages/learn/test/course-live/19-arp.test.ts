import { testInMemory } from '#support/course.ts'

await testInMemory('19-arp')
