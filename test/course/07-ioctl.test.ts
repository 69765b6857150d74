import { exercise } from '../../src/course/exercises/07-ioctl.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
