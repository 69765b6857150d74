import { testInMemory } from '#support/course.ts'

await testInMemory('07-ioctl')
