import { exercise } from '../../src/course/exercises/08-multiqueue.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
