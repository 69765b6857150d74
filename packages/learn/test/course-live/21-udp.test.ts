import { testInMemory } from '#support/course.ts'

await testInMemory('21-udp')
