import { exercise } from '../../src/course/exercises/11-statistics.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
