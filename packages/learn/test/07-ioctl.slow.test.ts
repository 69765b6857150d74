import { testInMemory } from '../../../test/support/course.ts'

await testInMemory('07-ioctl')
