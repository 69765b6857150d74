import { exercise } from '../../src/course/exercises/04-interrupt.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
