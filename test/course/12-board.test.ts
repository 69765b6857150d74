import { exercise } from '../../src/course/exercises/12-board.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
