import { exercise } from '../../src/course/exercises/03-ring.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
