import { exercise } from '../../src/course/exercises/10-switch.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
