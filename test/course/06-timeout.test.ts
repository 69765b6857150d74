import { exercise } from '../../src/course/exercises/06-timeout.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
